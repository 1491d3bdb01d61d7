#include "master/core/reconciliation.h"

#include <algorithm>

#include "master/core/operation_table.h"
#include "master/core/tasks.h"
#include "resources/task_state.h"

namespace tepui::master {

namespace {

// The state that was forwarded last, not a newer one whose update the framework has not seen. A
// task that this master launched is in staging until then, though its agent may have come back with
// it.
mesos::v1::TaskState told_state(const Task& task, const mesos::v1::Task& info) {
    if (info.has_status_update_state()) return info.status_update_state();
    return task.launched_on == LinkId{} ? info.state() : mesos::v1::TASK_STAGING;
}

void send_latest(Turn& turn, const Framework& framework, const Task& task) {
    const auto held = task.info.message();
    const mesos::v1::Task& info = *held;
    mesos::v1::TaskStatus status =
        make_status({.task = TaskId{info.task_id().value()},
                     .state = told_state(task, info),
                     .reason = mesos::v1::TaskStatus::REASON_RECONCILIATION,
                     .message = "Reconciliation: Latest task state",
                     .agent = task.agent},
                    turn.now.wall);
    if (info.has_executor_id()) *status.mutable_executor_id() = info.executor_id();
    if (!info.statuses().empty()) {
        const mesos::v1::TaskStatus& last = info.statuses(info.statuses_size() - 1);
        if (last.has_healthy()) status.set_healthy(last.healthy());
        if (last.has_check_status()) *status.mutable_check_status() = last.check_status();
        if (last.has_container_status()) {
            *status.mutable_container_status() = last.container_status();
        }
    }
    send_update(turn, framework, std::move(status));
}

// The task's newest remembered end on that agent of which the framework was told, or null.
const mesos::v1::Task* ended_task(const Framework& framework, const TaskId& task,
                                  const AgentId& agent) {
    const auto& completed = framework.completed_tasks;
    const auto it = std::find_if(completed.rbegin(), completed.rend(), [&](const auto& each) {
        return each->task_id().value() == task.value && each->agent_id().value() == agent.value &&
               is_terminal(each->status_update_state());
    });
    return it == completed.rend() ? nullptr : it->get();
}

// What there is to say of an operation that is not in the tables. Messages as recorded in
// sharing.json.
std::pair<mesos::v1::OperationState, const char*> unknown_operation(
    const State& state, const mesos::v1::scheduler::Call::ReconcileOperations::Operation& asked) {
    if (!asked.has_agent_id()) {
        return {mesos::v1::OPERATION_UNKNOWN,
                "Reconciliation: Operation is unknown and no 'agent_id' was provided"};
    }
    const AgentId agent{asked.agent_id().value()};
    if (state.recovered_agents.contains(agent)) {
        return {mesos::v1::OPERATION_RECOVERING,
                "Reconciliation: The agent has not come back since this master began"};
    }
    if (state.unreachable_agents.contains(agent)) {
        return {mesos::v1::OPERATION_UNREACHABLE, "Reconciliation: The agent is unreachable"};
    }
    if (state.gone_agents.contains(agent)) {
        return {mesos::v1::OPERATION_GONE_BY_OPERATOR, "Reconciliation: The agent is gone"};
    }
    if (state.agents.contains(agent)) {
        return {mesos::v1::OPERATION_UNKNOWN, "Reconciliation: Operation is unknown"};
    }
    return {mesos::v1::OPERATION_UNKNOWN, "Reconciliation: Operation and agent are unknown"};
}

}  // namespace

void reconcile_task(Turn& turn, const Framework& framework, const TaskId& task,
                    const std::optional<AgentId>& agent) {
    const State& state = turn.state;
    if (const auto known = framework.tasks.find(task); known != framework.tasks.end()) {
        return send_latest(turn, framework, known->second);
    }
    MasterStatus answer{.task = task,
                        .state = lost_state(framework, mesos::v1::TASK_UNKNOWN),
                        .reason = mesos::v1::TaskStatus::REASON_RECONCILIATION,
                        .message = "Reconciliation: Task is unknown",
                        .agent = agent};
    if (!agent) {
        if (!state.recovered_agents.empty()) return;
    } else if (state.recovered_agents.contains(*agent)) {
        return;
    } else if (!state.agents.contains(*agent) &&
               state.pending.newest_registration.contains(*agent)) {
        return;  // It is just coming back, and tells what it has.
    } else if (state.agents.contains(*agent)) {
        answer.state = lost_state(framework, mesos::v1::TASK_GONE);
        answer.message = "Reconciliation: Task is gone";
    } else if (const auto it = state.unreachable_agents.find(*agent);
               it != state.unreachable_agents.end()) {
        // Its last update may have been on the way, unacknowledged, when the agent was lost from
        // sight: what ended does not become unreachable.
        if (const mesos::v1::Task* ended = ended_task(framework, task, *agent)) {
            answer.state = ended->status_update_state();
            answer.message = "Reconciliation: Latest task state";
            return send_update(turn, framework, make_status(answer, turn.now.wall));
        }
        answer.state = lost_state(framework, mesos::v1::TASK_UNREACHABLE);
        answer.message = "Reconciliation: Task is unreachable";
        answer.unreachable_since = it->second.since;
    } else if (state.gone_agents.contains(*agent)) {
        if (const mesos::v1::Task* ended = ended_task(framework, task, *agent)) {
            answer.state = ended->status_update_state();
            answer.message = "Reconciliation: Latest task state";
        } else {
            answer.state = lost_state(framework, mesos::v1::TASK_GONE_BY_OPERATOR);
            answer.message = "Reconciliation: Task is gone by operator";
        }
    }
    send_update(turn, framework, make_status(answer, turn.now.wall));
}

void on_reconcile(Turn& turn, const Framework& framework,
                  const mesos::v1::scheduler::Call::Reconcile& reconcile) {
    turn.count("messages_reconcile_tasks");
    if (reconcile.tasks().empty()) {
        for (const auto& [id, task] : framework.tasks) send_latest(turn, framework, task);
        return;
    }
    for (const auto& task : reconcile.tasks()) {
        reconcile_task(
            turn, framework, TaskId{task.task_id().value()},
            task.has_agent_id() ? std::optional{AgentId{task.agent_id().value()}} : std::nullopt);
    }
}

void on_reconcile_operations(Turn& turn, const Framework& framework,
                             const mesos::v1::scheduler::Call::ReconcileOperations& reconcile) {
    turn.count("messages_reconcile_operations");
    const auto tell_known = [&](const OperationKey& key) {
        const Agent& agent = turn.state.agents.at(key.agent);
        mesos::v1::OperationStatus status = agent.operations.at(key.uuid).info->latest_status();
        status.clear_uuid();  // Its own update is what has to be acknowledged.
        tell_operation(turn, framework, std::move(status));
    };
    if (reconcile.operations().empty()) {
        for (const auto& [id, key] : framework.operations) tell_known(key);
        return;
    }
    for (const auto& asked : reconcile.operations()) {
        const auto known = framework.operations.find(asked.operation_id().value());
        if (known != framework.operations.end() &&
            (!asked.has_agent_id() || asked.agent_id().value() == known->second.agent.value)) {
            tell_known(known->second);
            continue;
        }
        mesos::v1::OperationStatus status;
        *status.mutable_operation_id() = asked.operation_id();
        const auto [state, message] = unknown_operation(turn.state, asked);
        status.set_state(state);
        status.set_message(message);
        if (asked.has_agent_id()) *status.mutable_agent_id() = asked.agent_id();
        if (asked.has_resource_provider_id()) {
            *status.mutable_resource_provider_id() = asked.resource_provider_id();
        }
        tell_operation(turn, framework, std::move(status));
    }
}

}  // namespace tepui::master
