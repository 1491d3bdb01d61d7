#pragma once

#include <vector>

#include "agent/core/context.h"

namespace tepui::agent {

// Custom executors: a process of the framework in a container of its own, which runs tasks and
// reports of them over the v1 executor API. Its way: stored, launched with its first task, started,
// subscribed; tasks wait in its queue until it listens and its container has their resources.

/// A task with an executor of its framework: the executor is launched if it does not live.
void run_in_executor(Context& context, const link::RunTask& run);
/// The same of a task group for a custom executor: its tasks are handed over together.
void run_group_in_executor(Context& context, const link::RunTaskGroup& run);

/// The records of the executor and of these tasks are durable.
void on_queue_durable(Context& context, const QueueAfter& after);
void executor_started(Context& context, ExecutorRun& executor, std::int64_t pid);
void on_container_updated(Context& context, const ContainerUpdated& updated);
/// Asks for the limits that fit the executor's unfinished tasks now.
void follow_tasks(Context& context, ExecutorRun& executor);
/// Hands over what waits, as far as the executor listens and its container is ready.
void hand_over(Context& context, ExecutorRun& executor);

/// Stores the executor's state, where its framework checkpoints.
void store_executor(Context& context, const ExecutorRun& executor);

}  // namespace tepui::agent
