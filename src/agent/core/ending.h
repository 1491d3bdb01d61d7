#pragma once

#include <optional>
#include <string>

#include "agent/core/context.h"
#include "agent/core/updates.h"

namespace tepui::agent {

// How tasks end: asked to (kill, completion time, shutdown) and by themselves.

/// "Command exited with status 3", "Command terminated with signal Killed".
std::string describe_exit(std::int32_t wait_status);

/// KILL of a framework. An unknown task is answered TASK_DROPPED or TASK_LOST.
void kill_task(Context& context, const link::KillTask& kill);

/// Begins to end a task for `cause`: at once before its launch, by DestroyContainer during it, by
/// SIGTERM and after `grace` SIGKILL when it runs. A later call may shorten the grace, never
/// lengthen it.
void end_task(Context& context, const TaskKey& key, EndCause cause, Duration grace);

/// The state that asks to be signalled is durable.
void on_signal_durable(Context& context, const ContainerId& container);
/// The grace of a task is over.
void on_escalation(Context& context, const ContainerId& container);
/// The task ran for its max_completion_time.
void on_completion_time(Context& context, const ContainerId& container);
/// Sets the timer of max_completion_time, counted from the process's start.
void start_completion_timer(Context& context, const TaskRun& task);

/// The task's own kill policy, else the agent's grace.
Duration default_grace(const State& state, const TaskRun& task);

/// A task is over: its phase, its timers and counters, and its last update; when its framework is
/// shutting down it is forgotten instead.
void finish_task(Context& context, TaskRun& task, const UpdateSpec& last);
/// The same without what it means for the others of its pod: settle_pod() is left to the caller.
void finish_alone(Context& context, TaskRun& task, const UpdateSpec& last);

/// The container is gone: decides and reports the last state.
void container_ended(Context& context, TaskRun& task, std::optional<std::int32_t> wait_status,
                     const std::optional<Limitation>& limitation,
                     const std::string& why_unknown = "Executor terminated");

/// The container never ran.
void container_failed(Context& context, TaskRun& task, const ContainerLaunchFailed& failure);

}  // namespace tepui::agent
