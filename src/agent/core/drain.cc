#include "agent/core/drain.h"

#include <algorithm>

#include "agent/core/checkpoint.h"
#include "agent/core/ending.h"
#include "agent/core/executor_ending.h"
#include "agent/core/pods.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

Duration grace_of(const State& state, const TaskRun& task) {
    const Duration own = default_grace(state, task);
    const v1::DrainConfig& config = state.drain->config;
    if (!config.has_max_grace_period()) return own;
    return std::min(own,
                    std::max(Duration::zero(), Duration{config.max_grace_period().nanoseconds()}));
}

void end_one(Context& context, const TaskKey& key) {
    State& state = context.state;
    const TaskRun* task = find_task(state, key);
    if (task == nullptr || task->phase == Phase::ended) return;
    const Duration grace = grace_of(state, *task);
    if (custom_executor_of(state, *task) != nullptr) {
        link::KillTask kill;
        kill.mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(grace.count());
        kill_in_executor(context, key, kill);
        return;
    }
    const std::optional<ExecutorId> executor = task->executor;
    end_task(context, key, EndCause::drain, grace);
    if (executor) settle_pod(context, {key.first, *executor});
}

void end_all(Context& context) {
    std::vector<TaskKey> tasks;
    for (const auto& [container, key] : context.state.containers) tasks.push_back(key);
    for (const TaskKey& key : tasks) end_one(context, key);
}

std::vector<ExecutorKey> idle_executors(const State& state) {
    std::vector<ExecutorKey> keys;
    for (const auto& [id, framework] : state.frameworks) {
        for (const auto& [executor_id, executor] : framework.executors) {
            if (executor.kind != ExecutorKind::custom || executor.end ||
                executor.phase == ExecutorPhase::ended || !executor.queue.empty()) {
                continue;
            }
            // One whose updates are not acknowledged yet may wait for that.
            const bool has_tasks = std::ranges::any_of(framework.tasks, [&](const auto& each) {
                return each.second.executor == executor_id;
            });
            if (!has_tasks) keys.emplace_back(id, executor_id);
        }
    }
    return keys;
}

}  // namespace

void drain_agent(Context& context, const link::DrainAgent& order) {
    State& state = context.state;
    if (!state.id || state.shutting_down || state.departure) return;
    const bool first = !state.drain;
    if (first && state.frameworks.empty() && state.operations.empty()) return;
    if (first) {
        state.drain = Drain{order.config(), context.now.wall};
        context.log(Severity::info, "draining: ending {} tasks", state.containers.size());
    }
    state.drain->config = order.config();
    write_checkpoint(context, {drain_write(*state.drain)});
    end_all(context);
}

void recover_drain(Context& context) {
    if (context.state.drain && context.state.id) end_all(context);
}

void proceed_drain(Context& context) {
    State& state = context.state;
    if (!state.drain || state.recovering) return;
    for (const ExecutorKey& key : idle_executors(state)) {
        end_executor(context, key, ExecutorEnd::drain);
    }
    if (!state.frameworks.empty() || !state.operations.empty()) return;
    state.drain.reset();
    write_checkpoint(context, {{drain_key(), std::nullopt}});
    context.log(Severity::info, "drained");
}

void leave_drain(Context& context) {
    if (!context.state.drain) return;
    context.state.drain.reset();
    write_checkpoint(context, {{drain_key(), std::nullopt}});
    context.log(Severity::info, "not draining any more: a task came");
}

void mark_drained(const State& state, const FrameworkId& framework, v1::TaskStatus& status) {
    if (!state.drain) return;
    if (status.state() != v1::TASK_KILLED && status.state() != v1::TASK_KILLING) return;
    status.set_reason(v1::TaskStatus::REASON_AGENT_DRAINING);
    if (!state.drain->config.mark_gone() || status.state() != v1::TASK_KILLED) return;
    const auto known = state.frameworks.find(framework);
    const bool aware =
        known != state.frameworks.end() &&
        has_capability(known->second.info, v1::FrameworkInfo::Capability::PARTITION_AWARE);
    if (aware) status.set_state(v1::TASK_GONE_BY_OPERATOR);
}

}  // namespace tepui::agent
