#pragma once

#include "agent/core/context.h"
#include "agent/core/updates.h"

namespace tepui::agent {

// Checks and health checks of the tasks that the agent runs by itself (command tasks and the tasks
// of pods). A custom executor looks after its own. Facts: reference semantics.md section 15.
//
// A health check decides: after consecutive_failures the task is killed. A check only tells. Both
// look again `interval` after the end of the last look, one look at a time.

/// The task runs: the first looks come `delay` after its start. The same after a restart of the
/// agent, when what was told before is taken from the task's statuses.
void start_checks(Context& context, TaskRun& task);
/// The task ends or is made to: no look begins any more, and those that are out are ended.
void stop_checks(Context& context, TaskRun& task);

/// A look is due.
void on_check_due(Context& context, TimerKind kind, const ContainerId& container);
void on_probe_ended(Context& context, const ProbeEnded& ended);

/// Fills `healthy` and `check_status` of an update of the task: what `spec` says, else no `healthy`
/// and, when a check is configured, its empty result.
void add_check_result(const TaskRun& task, const UpdateSpec& spec, mesos::v1::TaskStatus& status);

}  // namespace tepui::agent
