#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

/// What an executor's container may use: the executor's own resources and those of its unfinished
/// tasks, with TaskInfo.limits in place of requests where a task has them. One task without a
/// limit (infinity) lifts it for all. CPUs have none unless some task gives one; memory is limited
/// by its request then.
ContainerLimits limits_of(State& state, const ExecutorRun& executor);

}  // namespace tepui::agent
