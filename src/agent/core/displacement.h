#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

// Tasks that make room for a role of a higher band. The master kills them like a framework would,
// with the task's own grace, and says why; the end is told as that of a preempted container.

/// Notes why a task is killed, and those of its pod with it. Without effect on one that ends
/// already: whoever came first counts.
void note_displacement(Context& context, const TaskRun& task, const std::string& why);

/// A status of such a task tells the reason; a killed one is TASK_GONE, TASK_LOST for frameworks
/// that do not know that.
void mark_displaced(const State& state, const TaskKey& key, mesos::v1::TaskStatus& status);

}  // namespace tepui::agent
