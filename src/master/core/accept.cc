#include "master/core/accept.h"

#include <set>

#include "base/assert.h"
#include "master/core/ledger.h"
#include "master/core/offers.h"
#include "master/core/task_validation.h"
#include "master/core/tasks.h"

namespace tepui::master {

namespace {

using mesos::v1::TaskInfo;
using mesos::v1::TaskStatus;
using Operation = mesos::v1::Offer::Operation;
using OfferIds = google::protobuf::RepeatedPtrField<mesos::v1::OfferID>;

// The offers of one ACCEPT while its operations run. `remaining` is still offered in the ledger.
struct Pool {
    Framework& framework;
    Agent& agent;
    std::string role;
    Resources remaining;
};

// Whether the offers can be accepted together; the error is why not.
Result<void> judge_offers(const State& state, const Framework& framework, const OfferIds& ids) {
    if (ids.empty()) return fail(Errc::invalid_argument, "No offers specified");
    std::set<std::string> seen;
    const Offer* first = nullptr;
    for (const mesos::v1::OfferID& named : ids) {
        const OfferId id{named.value()};
        if (!seen.insert(id.value).second) {
            return fail(Errc::invalid_argument, "Duplicate offer {} in offer list", id);
        }
        if (!framework.offers.contains(id)) {
            return fail(Errc::invalid_argument, "Offer {} is no longer valid", id);
        }
        const Offer& offer = state.offers.at(id);
        if (first == nullptr) first = &offer;
        if (offer.agent != first->agent) {
            return fail(Errc::invalid_argument,
                        "Aggregated offers must be of one agent, but offer {} is of agent {} and "
                        "others of agent {}",
                        id, offer.agent, first->agent);
        }
        if (offer.role != first->role) {
            return fail(Errc::invalid_argument,
                        "Aggregated offers must be of one role, but offer {} is for role {} and "
                        "others for role {}",
                        id, offer.role, first->role);
        }
    }
    return {};
}

void refuse_task(Turn& turn, const Framework& framework, const TaskInfo& task,
                 mesos::v1::TaskState state, TaskStatus::Reason reason, std::string message) {
    if (state == mesos::v1::TASK_ERROR) turn.count("tasks_error");
    if (state == mesos::v1::TASK_LOST) turn.count("tasks_lost");
    if (state == mesos::v1::TASK_DROPPED) turn.count("tasks_dropped");
    send_update(turn, framework,
                make_status({.task = TaskId{task.task_id().value()},
                             .state = state,
                             .reason = reason,
                             .message = std::move(message),
                             .agent = AgentId{task.agent_id().value()}},
                            turn.now.wall));
}

// Operations with an id are answered; others only leave a line in the log.
void refuse_operation(Turn& turn, const Framework& framework, const Operation& operation,
                      const AgentId& agent, std::string message) {
    turn.log(Severity::info, "Skipping {} of framework {}: {}",
             Operation::Type_Name(operation.type()), framework.id, message);
    if (!operation.has_id()) return;
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::UPDATE_OPERATION_STATUS);
    auto& status = *event.mutable_update_operation_status()->mutable_status();
    *status.mutable_operation_id() = operation.id();
    status.set_state(mesos::v1::OPERATION_ERROR);
    status.set_message(std::move(message));
    if (!agent.empty()) status.mutable_agent_id()->set_value(agent.value);
    turn.send(framework, std::move(event));
}

void refuse_all(Turn& turn, const Framework& framework,
                const mesos::v1::scheduler::Call::Accept& accept, const std::string& why) {
    const mesos::v1::TaskState state = lost_state(framework, mesos::v1::TASK_DROPPED);
    const std::string message = "Task launched with invalid offers: " + why;
    const auto refuse = [&](const TaskInfo& task) {
        refuse_task(turn, framework, task, state, TaskStatus::REASON_INVALID_OFFERS, message);
    };
    for (const Operation& operation : accept.operations()) {
        if (operation.type() == Operation::LAUNCH) {
            for (const TaskInfo& task : operation.launch().task_infos()) refuse(task);
        } else if (operation.type() == Operation::LAUNCH_GROUP) {
            for (const TaskInfo& task : operation.launch_group().task_group().tasks()) refuse(task);
        } else {
            refuse_operation(turn, framework, operation, {},
                             "Operation attempted with invalid offers: " + why);
        }
    }
}

// What the task needs out of the pool, if it may have it.
Result<Resources> judge_task(const Pool& pool, const TaskInfo& task) {
    TEPUI_CHECK_OK(validate_task(task, pool.agent.id));
    const TaskId id{task.task_id().value()};
    if (pool.framework.tasks.contains(id) || pool.framework.unreachable_tasks.contains(id)) {
        return fail(Errc::invalid_argument, "Task has duplicate ID: {}", id);
    }
    auto needed = Resources::parse(task.resources());
    if (!needed) return fail_with("Task uses invalid resources", needed.error());
    if (needed->empty()) return fail(Errc::invalid_argument, "Task uses no resources");
    if (!pool.remaining.contains(*needed)) {
        return fail(
            Errc::invalid_argument,
            "Total resources {} required by task and its executor is more than available {}",
            needed->to_string(), pool.remaining.to_string());
    }
    return needed;
}

std::shared_ptr<const mesos::v1::Task> describe(const Framework& framework, const TaskInfo& task,
                                                const Resources& resources) {
    auto info = std::make_shared<mesos::v1::Task>();
    info->set_name(task.name());
    *info->mutable_task_id() = task.task_id();
    info->mutable_framework_id()->set_value(framework.id.value);
    *info->mutable_agent_id() = task.agent_id();
    info->set_state(mesos::v1::TASK_STAGING);
    *info->mutable_resources() = resources.to_proto();
    if (task.has_labels()) *info->mutable_labels() = task.labels();
    if (task.has_discovery()) *info->mutable_discovery() = task.discovery();
    if (task.has_container()) *info->mutable_container() = task.container();
    if (task.has_health_check()) *info->mutable_health_check() = task.health_check();
    if (task.has_kill_policy()) *info->mutable_kill_policy() = task.kill_policy();
    info->set_user(task.command().has_user() ? task.command().user() : framework.info->user());
    *info->mutable_limits() = task.limits();
    return info;
}

void launch_task(Turn& turn, Pool& pool, TaskInfo& task) {
    for (mesos::v1::Resource& resource : *task.mutable_resources()) {
        if (!resource.has_allocation_info()) {
            resource.mutable_allocation_info()->set_role(pool.role);
        }
    }
    auto needed = judge_task(pool, task);
    if (!needed) {
        refuse_task(turn, pool.framework, task, mesos::v1::TASK_ERROR,
                    TaskStatus::REASON_TASK_INVALID, std::move(needed.error().text));
        return;
    }
    pool.remaining -= *needed;
    use_offered(turn, pool.agent, pool.framework.id, *needed);
    auto info = describe(pool.framework, task, *needed);
    TEPUI_ASSERT(pool.agent.connected());
    add_task(turn, pool.framework, pool.agent,
             Task{.info = std::move(info),
                  .agent = pool.agent.id,
                  .resources = std::move(*needed),
                  .charged = true,
                  .launched_on = *pool.agent.link});
    link::ToAgent frame;
    *frame.mutable_run_task()->mutable_framework() = *pool.framework.info;
    *frame.mutable_run_task()->mutable_task() = std::move(task);
    turn.send(pool.agent, std::move(frame));
}

void run_launch(Turn& turn, Pool& pool, Operation& operation) {
    turn.count("messages_launch_tasks");
    for (TaskInfo& task : *operation.mutable_launch()->mutable_task_infos()) {
        if (operation.has_id()) {
            refuse_task(turn, pool.framework, task, mesos::v1::TASK_ERROR,
                        TaskStatus::REASON_TASK_INVALID,
                        "Operation feedback (Operation.id) is not possible for LAUNCH");
        } else {
            launch_task(turn, pool, task);
        }
    }
}

void run_operation(Turn& turn, Pool& pool, Operation& operation) {
    if (operation.type() == Operation::LAUNCH) return run_launch(turn, pool, operation);
    const std::string message = fmt::format("Operation {} is not supported by this master yet",
                                            Operation::Type_Name(operation.type()));
    if (operation.type() != Operation::LAUNCH_GROUP) {
        refuse_operation(turn, pool.framework, operation, pool.agent.id, message);
        return;
    }
    for (const TaskInfo& task : operation.launch_group().task_group().tasks()) {
        refuse_task(turn, pool.framework, task, mesos::v1::TASK_ERROR,
                    TaskStatus::REASON_TASK_GROUP_INVALID, message);
    }
}

}  // namespace

void on_accept(Turn& turn, Framework& framework, mesos::v1::scheduler::Call::Accept accept) {
    if (const auto valid = judge_offers(turn.state, framework, accept.offer_ids()); !valid) {
        for (const mesos::v1::OfferID& named : accept.offer_ids()) {
            const OfferId id{named.value()};
            if (framework.offers.contains(id)) remove_offer(turn, id, /*rescind=*/false);
        }
        turn.log(Severity::info, "ACCEPT of framework {} with invalid offers: {}", framework.id,
                 valid.error().text);
        refuse_all(turn, framework, accept, valid.error().text);
        return;
    }
    const Offer& first = turn.state.offers.at(OfferId{accept.offer_ids(0).value()});
    Agent* agent = turn.find_agent(first.agent);
    TEPUI_ASSERT_WHY(agent != nullptr && agent->connected(),
                     "offers on an agent end when it disconnects");
    Pool pool{framework, *agent, first.role, {}};
    for (const mesos::v1::OfferID& named : accept.offer_ids()) {
        pool.remaining += take_offer(turn, OfferId{named.value()}).resources;
    }
    if (accept.operations().empty()) turn.count("messages_decline_offers");
    for (Operation& operation : *accept.mutable_operations()) run_operation(turn, pool, operation);
    release_offered(turn, pool.agent, framework.id, pool.remaining,
                    refusal(accept.has_filters() ? &accept.filters() : nullptr));
}

}  // namespace tepui::master
