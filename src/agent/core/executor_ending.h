#pragma once

#include "agent/core/context.h"
#include "agent/core/updates.h"

namespace tepui::agent {

// How custom executors end: asked to (SHUTDOWN and a grace), given up, or by themselves.

/// Begins to end an executor. One that has subscribed hears SHUTDOWN and has its grace; any other
/// is destroyed, or, before its launch, over at once.
void end_executor(Context& context, const ExecutorKey& key, ExecutorEnd cause);
/// The same of all custom executors of a framework.
void end_executors_of(Context& context, const FrameworkId& framework, ExecutorEnd cause);

/// KILL of a task of a custom executor: taken out of the queue, or told to the executor.
void kill_in_executor(Context& context, const TaskKey& key, const link::KillTask& kill);

/// An executor that no task ever reached, and that has none waiting, is of no use.
void end_if_unused(Context& context, const ExecutorRun& executor);

/// The executor should have subscribed by now.
void on_subscription_due(Context& context, const ContainerId& container);
/// Its grace is over.
void on_executor_grace_over(Context& context, const ContainerId& container);

/// The container is gone: tells the master, and ends the tasks that were left.
void executor_exited(Context& context, const ExecutorKey& key,
                     std::optional<std::int32_t> wait_status,
                     const std::optional<Limitation>& limitation,
                     const std::string& why_unknown = "Executor terminated");
/// The container never ran.
void executor_failed(Context& context, const ExecutorKey& key,
                     const ContainerLaunchFailed& failure);
/// The executor is over; its unfinished tasks get `last`. `key` is a copy: the caller's may lie in
/// what is forgotten.
void finish_executor(Context& context, ExecutorKey key, std::optional<std::int32_t> wait_status,
                     const UpdateSpec& last);

/// ExecutorExited, so that the master does not charge for an executor that is not there.
void tell_executor_exited(Context& context, const ExecutorKey& key,
                          std::optional<std::int32_t> wait_status);

}  // namespace tepui::agent
