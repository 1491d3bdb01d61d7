#include "agent/core/context.h"

namespace tepui::agent {

namespace v1 = mesos::v1;

void write_checkpoint(Context& context, std::vector<CheckpointWrite> writes,
                      std::vector<AfterWrite> after) {
    const CheckpointToken token{context.state.next_token++};
    if (!after.empty()) context.state.after_writes.emplace(token, std::move(after));
    context.effects.push_back(WriteCheckpoint{token, std::move(writes)});
}

void send_to_master(Context& context, link::ToMaster frame) {
    frame.set_agent_id(context.state.id ? context.state.id->value : "");
    context.effects.push_back(
        SendToMaster{std::make_shared<const link::ToMaster>(std::move(frame))});
}

Framework* find_framework(State& state, const FrameworkId& id) {
    const auto it = state.frameworks.find(id);
    return it == state.frameworks.end() ? nullptr : &it->second;
}

TaskRun* find_task(State& state, const TaskKey& key) {
    Framework* framework = find_framework(state, key.first);
    if (framework == nullptr) return nullptr;
    const auto it = framework->tasks.find(key.second);
    return it == framework->tasks.end() ? nullptr : &it->second;
}

TaskRun* find_task(State& state, const ContainerId& container) {
    const auto it = state.containers.find(container);
    return it == state.containers.end() ? nullptr : find_task(state, it->second);
}

ExecutorRun* find_executor(State& state, const ExecutorKey& key) {
    Framework* framework = find_framework(state, key.first);
    if (framework == nullptr) return nullptr;
    const auto it = framework->executors.find(key.second);
    return it == framework->executors.end() ? nullptr : &it->second;
}

ExecutorRun* find_executor(State& state, const ContainerId& container) {
    const auto it = state.executor_containers.find(container);
    return it == state.executor_containers.end() ? nullptr : find_executor(state, it->second);
}

ExecutorRun* custom_executor_of(State& state, const TaskRun& task) {
    if (!task.executor) return nullptr;
    ExecutorRun* executor = find_executor(state, {task.framework, *task.executor});
    return executor != nullptr && executor->kind == ExecutorKind::custom ? executor : nullptr;
}

std::vector<TaskRun*> live_tasks_of(State& state, const ExecutorRun& executor) {
    std::vector<TaskRun*> tasks;
    const ExecutorId id{executor.info.executor_id().value()};
    for (auto& [task_id, task] : state.frameworks.at(executor.framework).tasks) {
        if (task.executor == id && task.phase != Phase::ended) tasks.push_back(&task);
    }
    return tasks;
}

bool has_capability(const v1::FrameworkInfo& framework,
                    v1::FrameworkInfo::Capability::Type capability) {
    return std::any_of(framework.capabilities().begin(), framework.capabilities().end(),
                       [&](const auto& each) { return each.type() == capability; });
}

v1::TaskState dropped_or_lost(const v1::FrameworkInfo* framework) {
    const bool aware = framework != nullptr &&
                       has_capability(*framework, v1::FrameworkInfo::Capability::PARTITION_AWARE);
    return aware ? v1::TASK_DROPPED : v1::TASK_LOST;
}

}  // namespace tepui::agent
