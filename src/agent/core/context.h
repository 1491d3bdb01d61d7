#pragma once

#include <fmt/format.h>

#include "agent/core/effect.h"
#include "agent/core/state.h"

namespace tepui::agent {

/// What every machine works on during one step.
struct Context {
    State& state;
    Effects& effects;
    const Now& now;

    template <typename... Args>
    void log(Severity severity, fmt::format_string<Args...> format, Args&&... args) {
        effects.push_back(LogLine{severity, fmt::format(format, std::forward<Args>(args)...)});
    }
};

/// Emits WriteCheckpoint; `after` happens when it is durable.
void write_checkpoint(Context& context, std::vector<CheckpointWrite> writes,
                      std::vector<AfterWrite> after = {});

/// Sends on the current connection, with the agent's id filled in.
void send_to_master(Context& context, link::ToMaster frame);

Framework* find_framework(State& state, const FrameworkId& id);
TaskRun* find_task(State& state, const TaskKey& key);
/// By the name of its checkpoints (TaskRun::container).
TaskRun* find_task(State& state, const ContainerId& container);

ExecutorRun* find_executor(State& state, const ExecutorKey& key);
ExecutorRun* find_executor(State& state, const ContainerId& container);
/// The custom executor that the task lives in; nothing for a command task or one of a pod.
ExecutorRun* custom_executor_of(State& state, const TaskRun& task);
/// The executor's unfinished tasks, in the order of their ids.
std::vector<TaskRun*> live_tasks_of(State& state, const ExecutorRun& executor);

bool has_capability(const mesos::v1::FrameworkInfo& framework,
                    mesos::v1::FrameworkInfo::Capability::Type capability);
/// TASK_DROPPED for a partition-aware framework, TASK_LOST for others (or an unknown one).
mesos::v1::TaskState dropped_or_lost(const mesos::v1::FrameworkInfo* framework);

}  // namespace tepui::agent
