#pragma once

#include "agent/core/state.h"

namespace tepui::agent {

/// A live task as the master and the v1 API get it.
mesos::v1::Task task_message(const State& state, const TaskRun& task);
/// The same of a completed one, of framework `framework`.
mesos::v1::Task task_message(const State& state, const FrameworkId& framework,
                             const CompletedTask& task);

}  // namespace tepui::agent
