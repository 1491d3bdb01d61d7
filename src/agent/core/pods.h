#pragma once

#include <optional>

#include "agent/core/context.h"

namespace tepui::agent {

// Pods: the built-in default executor. It is no process but this machine: a container that holds a
// place (its sandbox, its cgroups), and command tasks with containers nested in it. Its way: stored
// with its first group, launched, started; a later group waits until the container has its
// resources. Tasks of a group are launched together; what ends one of them other than FINISHED ends
// the rest. The pod ends when no task of it is left.

/// LAUNCH_GROUP with an executor of type DEFAULT. A group with a task that is known already is
/// ignored: a task starts at most once.
void run_pod(Context& context, const link::RunTaskGroup& run);

/// The pod that a task belongs to; nothing for other tasks.
ExecutorRun* pod_of(State& state, const TaskRun& task);
/// The pod of that container; nothing for custom executors' containers.
ExecutorRun* find_pod(State& state, const ContainerId& container);

/// The records of the pod and of these tasks are durable.
void on_group_durable(Context& context, ExecutorRun& pod, const QueueAfter& after);
void pod_started(Context& context, ExecutorRun& pod, std::int64_t pid);
/// The pod's container is gone; so are, before it, those of its tasks.
void pod_exited(Context& context, ExecutorRun& pod, const ContainerExited& exited);
void pod_updated(Context& context, ExecutorRun& pod, const ContainerUpdated& updated);

/// Ends what has to end with its siblings, and the pod itself when nothing of it is left. Called
/// when a task of it ended or was killed. Does nothing while an agent's state is being recovered:
/// then a task may have ended too, but not yet be known to have.
void settle_pod(Context& context, const ExecutorKey& key);
/// SHUTDOWN of a framework: each task has its grace, but no longer than the executor's.
void shutdown_pod(Context& context, const ExecutorKey& key);

/// Brings a stored pod and what was found of its container together, after its tasks.
void recover_pod(Context& context, const ExecutorKey& key, const FoundContainer* found);

}  // namespace tepui::agent
