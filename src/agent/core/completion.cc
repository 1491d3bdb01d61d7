#include "agent/core/completion.h"

#include "agent/core/checkpoint.h"
#include "agent/core/nested.h"
#include "agent/core/updates.h"

namespace tepui::agent {
namespace {

template <typename Item>
void push_bounded(std::deque<Item>& ring, Item item, std::size_t count_max) {
    ring.push_back(std::move(item));
    while (ring.size() > count_max) ring.pop_front();
}

void clear_timers(Timers& timers, const ContainerId& container) {
    timers.clear({TimerKind::escalation, container.value});
    timers.clear({TimerKind::completion, container.value});
}

}  // namespace

void complete_task(Context& context, const TaskKey& key, std::vector<CheckpointWrite> writes) {
    State& state = context.state;
    std::vector<ForgetAfter> after;
    drop_stream(context, key, writes);
    if (TaskRun* task = find_task(state, key)) {
        Framework& framework = *find_framework(state, key.first);
        if (framework.info.checkpoint()) {
            writes.push_back({task_info_key(task->container), std::nullopt});
            writes.push_back({task_state_key(task->container), std::nullopt});
        }
        if (framework.info.checkpoint() && !task->received_uuids.empty()) {
            writes.push_back({task_uuids_key(task->container), std::nullopt});
        }
        if (framework.info.checkpoint() && task->displaced) {
            writes.push_back({task_displaced_key(task->container), std::nullopt});
        }
        clear_timers(state.timers, task->container);
        state.containers.erase(task->container);
        const std::optional<ExecutorId> owner = task->executor;
        const ExecutorRun* custom = custom_executor_of(state, *task);
        if (custom == nullptr) after.push_back({task->container});
        CompletedTask completed{std::move(task->info),
                                custom != nullptr ? custom->container : task->container,
                                std::move(task->sandbox), task->state, std::move(task->statuses)};
        framework.tasks.erase(key.second);
        ExecutorRun* executor = owner ? find_executor(state, {key.first, *owner}) : nullptr;
        if (executor != nullptr) {
            push_bounded(executor->completed, std::move(completed),
                         state.config.max_completed_tasks_per_executor);
            complete_executor(context, {key.first, *owner}, writes, after);
        } else {
            push_bounded(framework.completed, std::move(completed),
                         state.config.max_completed_executors_per_framework);
        }
        complete_framework(context, key.first, writes);
    }
    store_completion(context, std::move(writes), after);
    end_if_shut_down(context);
}

void store_completion(Context& context, std::vector<CheckpointWrite> writes,
                      const std::vector<ForgetAfter>& after) {
    if (!writes.empty()) {
        write_checkpoint(context, std::move(writes), {after.begin(), after.end()});
        return;
    }
    for (const ForgetAfter& each : after)
        context.effects.push_back(ForgetContainer{each.container});
}

void complete_executor(Context& context, ExecutorKey key, std::vector<CheckpointWrite>& writes,
                       std::vector<ForgetAfter>& after) {
    State& state = context.state;
    ExecutorRun* executor = find_executor(state, key);
    if (executor == nullptr || executor->phase != ExecutorPhase::ended) return;
    Framework& framework = *find_framework(state, key.first);
    for (const auto& [id, task] : framework.tasks) {
        if (task.executor == key.second) return;
    }
    if (framework.info.checkpoint()) {
        writes.push_back({executor_info_key(executor->container), std::nullopt});
        writes.push_back({executor_state_key(executor->container), std::nullopt});
    }
    after.push_back({executor->container});
    state.executor_containers.erase(executor->container);
    CompletedExecutor completed{executor->kind, std::move(executor->info), executor->container,
                                std::move(executor->sandbox), std::move(executor->completed)};
    framework.executors.erase(key.second);
    push_bounded(framework.completed_executors, std::move(completed),
                 state.config.max_completed_executors_per_framework);
}

void complete_framework(Context& context, const FrameworkId& id,
                        std::vector<CheckpointWrite>& writes) {
    State& state = context.state;
    const auto it = state.frameworks.find(id);
    if (it == state.frameworks.end()) return;
    if (!it->second.tasks.empty() || !it->second.executors.empty()) return;
    if (it->second.info.checkpoint()) writes.push_back({framework_key(id), std::nullopt});
    push_bounded(state.completed_frameworks, std::move(it->second),
                 state.config.max_completed_frameworks);
    state.frameworks.erase(it);
}

Framework& open_framework(State& state, const mesos::v1::FrameworkInfo& info, bool& made) {
    const FrameworkId id{info.id().value()};
    const auto [it, inserted] = state.frameworks.try_emplace(id);
    made = inserted;
    if (!inserted) return it->second;
    const auto old =
        std::find_if(state.completed_frameworks.begin(), state.completed_frameworks.end(),
                     [&](const Framework& each) { return each.info.id().value() == id.value; });
    if (old != state.completed_frameworks.end()) {
        it->second.completed = std::move(old->completed);
        it->second.completed_executors = std::move(old->completed_executors);
        state.completed_frameworks.erase(old);
    }
    it->second.info = info;
    return it->second;
}

void end_if_shut_down(Context& context) {
    State& state = context.state;
    if (!state.shutting_down || !state.frameworks.empty() || !state.id) return;
    if (has_live_standalone(state)) return;
    // The next start registers as a new agent; sandboxes stay known for their removal.
    write_checkpoint(context, {{identity_key(), std::nullopt}}, {EndAfter{*state.shutting_down}});
    state.id.reset();
}

}  // namespace tepui::agent
