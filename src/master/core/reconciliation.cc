#include "master/core/reconciliation.h"

#include <algorithm>

#include "master/core/tasks.h"
#include "resources/task_state.h"

namespace tepui::master {

namespace {

// The state that was forwarded last, not a newer one whose update the framework has not seen. A
// task that this master launched is in staging until then, though its agent may have come back with
// it.
mesos::v1::TaskState told_state(const Task& task) {
    if (task.info->has_status_update_state()) return task.info->status_update_state();
    return task.launched_on == LinkId{} ? task.info->state() : mesos::v1::TASK_STAGING;
}

void send_latest(Turn& turn, const Framework& framework, const Task& task) {
    const mesos::v1::Task& info = *task.info;
    mesos::v1::TaskStatus status =
        make_status({.task = TaskId{info.task_id().value()},
                     .state = told_state(task),
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
    for (const auto& operation : reconcile.operations()) {
        const AgentId agent{operation.agent_id().value()};
        mesos::v1::scheduler::Event event;
        event.set_type(mesos::v1::scheduler::Event::UPDATE_OPERATION_STATUS);
        auto& status = *event.mutable_update_operation_status()->mutable_status();
        *status.mutable_operation_id() = operation.operation_id();
        status.set_state(
            turn.state.recovered_agents.contains(agent)     ? mesos::v1::OPERATION_RECOVERING
            : turn.state.unreachable_agents.contains(agent) ? mesos::v1::OPERATION_UNREACHABLE
            : turn.state.gone_agents.contains(agent)        ? mesos::v1::OPERATION_GONE_BY_OPERATOR
                                                            : mesos::v1::OPERATION_UNKNOWN);
        if (operation.has_agent_id()) *status.mutable_agent_id() = operation.agent_id();
        if (operation.has_resource_provider_id()) {
            *status.mutable_resource_provider_id() = operation.resource_provider_id();
        }
        turn.send(framework, std::move(event));
    }
}

}  // namespace tepui::master
