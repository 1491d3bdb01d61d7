#pragma once

#include <functional>
#include <vector>

#include "agent/core/state.h"
#include "mesos/v1/agent/agent.pb.h"
#include "resources/resources.h"

namespace tepui::agent {

/// An executor as readers see it: a custom one, a pod, or the built-in one of a command task.
/// Points into the state.
struct ExecutorView {
    mesos::v1::ExecutorInfo info;
    FrameworkId framework;
    const ContainerId& container;
    const std::string& sandbox;
    std::int64_t pid = 0;
    bool is_running = false;  // Its process, or what holds the pod, is there.
    bool is_over = false;     // The container is gone.
    bool is_pod = false;
    bool is_command = false;            // Built in, for the one task it is named after.
    std::vector<const TaskRun*> tasks;  // Not acknowledged as over, in the order of their ids.
    std::vector<const CompletedTask*> completed;  // Oldest first.
    /// What the containerizer tells of the container; nullptr: nothing any more.
    const mesos::v1::ContainerStatus* status = nullptr;
};

using ExecutorVisitor = std::function<void(const ExecutorView&)>;

/// Executors that are there or whose tasks' last updates are still under way.
void visit_executors(const Framework& framework, const ExecutorVisitor& visit);
/// Executors that are over.
void visit_completed_executors(const Framework& framework, const ExecutorVisitor& visit);

/// What the container holds: the executor's own resources and those of its unfinished tasks.
Resources resources_of(const ExecutorView& executor);

/// "Command Executor (Task: t) (Command: sh -c 'sleep 100')".
std::string executor_name(const mesos::v1::TaskInfo& task);

/// A completed task of that executor, as the v1 API gets it.
mesos::v1::Task completed_message(const State& state, const ExecutorView& executor,
                                  const CompletedTask& task);

}  // namespace tepui::agent
