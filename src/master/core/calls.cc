#include "master/core/calls.h"

#include "master/core/accept.h"
#include "master/core/executors.h"
#include "master/core/framework_end.h"
#include "master/core/framework_update.h"
#include "master/core/inverse_offers.h"
#include "master/core/offers.h"
#include "master/core/operations.h"
#include "master/core/reconciliation.h"
#include "master/core/tasks.h"
#include "master/core/validation.h"
#include "resources/task_state.h"

namespace tepui::master {

namespace {

using Call = mesos::v1::scheduler::Call;
using RoleList = google::protobuf::RepeatedPtrField<std::string>;

void send_kill(Turn& turn, const Framework& framework, const Task& task,
               const mesos::v1::KillPolicy* policy, const std::string* displaced = nullptr) {
    auto frame = std::make_shared<link::ToAgent>();
    frame->set_agent_id(task.agent.value);
    link::KillTask& wanted = *frame->mutable_kill_task();
    wanted.mutable_framework_id()->set_value(framework.id.value);
    wanted.mutable_task_id()->set_value(std::string(task.info.task_id()));
    if (policy != nullptr) *wanted.mutable_kill_policy() = *policy;
    if (displaced != nullptr) wanted.set_displaced(*displaced);
    Agent& agent = turn.state.agents.at(task.agent);
    if (agent.connected()) turn.send(agent, frame);
    // Remembered until the task ends: the frame may be lost with the connection.
    const TaskKey key{framework.id, TaskId{task.info.task_id()}};
    agent.pending_kills.insert_or_assign(key, std::move(frame));
}

void on_kill(Turn& turn, Framework& framework, const Call::Kill& kill) {
    turn.count("messages_kill_task");
    const TaskId id{kill.task_id().value()};
    const auto it = framework.tasks.find(id);
    if (it == framework.tasks.end()) {
        reconcile_task(
            turn, framework, id,
            kill.has_agent_id() ? std::optional{AgentId{kill.agent_id().value()}} : std::nullopt);
        return;
    }
    const Task& task = it->second;
    if (kill.has_agent_id() && kill.agent_id().value() != task.agent.value) {
        turn.log(Severity::warning, "Ignoring KILL of task {}: it is on agent {}, not {}", id,
                 task.agent, kill.agent_id().value());
        return;
    }
    if (is_terminal(task.info.state())) return;  // Its last update is on the way.
    send_kill(turn, framework, task, kill.has_kill_policy() ? &kill.kill_policy() : nullptr);
}

// The roles meant, all for none; nothing when one is not the framework's: the call is dropped.
std::optional<std::set<std::string>> meant_roles(Turn& turn, const Framework& framework,
                                                 const RoleList& named, std::string_view call) {
    if (named.empty()) return framework.roles;
    std::set<std::string> roles;
    for (const std::string& role : named) {
        if (!framework.roles.contains(role)) {
            turn.log(Severity::warning, "Dropping {} of framework {}: role '{}' is not its own",
                     call, framework.id, role);
            return std::nullopt;
        }
        roles.insert(role);
    }
    return roles;
}

void on_revive(Turn& turn, Framework& framework, const Call::Revive& revive) {
    turn.count("messages_revive_offers");
    const auto roles = meant_roles(turn, framework, revive.roles(), "REVIVE");
    if (!roles) return;
    for (const std::string& role : *roles) framework.suppressed_roles.erase(role);
    turn.state.allocator->revive(framework.id, *roles);
    revive_inverse_offers(turn, framework);
    turn.changed(framework.id);
}

void on_suppress(Turn& turn, Framework& framework, const Call::Suppress& suppress) {
    turn.count("messages_suppress_offers");
    const auto roles = meant_roles(turn, framework, suppress.roles(), "SUPPRESS");
    if (!roles) return;
    framework.suppressed_roles.insert(roles->begin(), roles->end());
    turn.state.allocator->suppress(framework.id, *roles);
    turn.changed(framework.id);
}

void dispatch(Turn& turn, Framework& framework, Call& call) {
    switch (call.type()) {
        case Call::TEARDOWN:
            turn.count("messages_unregister_framework");
            return begin_framework_end(turn, framework, "TEARDOWN");
        case Call::ACCEPT: return on_accept(turn, framework, std::move(*call.mutable_accept()));
        case Call::DECLINE: return on_decline(turn, framework, call.decline());
        case Call::REVIVE: return on_revive(turn, framework, call.revive());
        case Call::SUPPRESS: return on_suppress(turn, framework, call.suppress());
        case Call::KILL: return on_kill(turn, framework, call.kill());
        case Call::SHUTDOWN: return on_shutdown(turn, framework, call.shutdown());
        case Call::ACKNOWLEDGE: return on_acknowledge(turn, framework, call.acknowledge());
        case Call::RECONCILE: return on_reconcile(turn, framework, call.reconcile());
        case Call::RECONCILE_OPERATIONS:
            return on_reconcile_operations(turn, framework, call.reconcile_operations());
        case Call::MESSAGE: return on_message(turn, framework, std::move(*call.mutable_message()));
        case Call::UPDATE_FRAMEWORK:
            return on_update_framework(turn, framework,
                                       std::move(*call.mutable_update_framework()));
        case Call::REQUEST:  // Accepted and without effect, as with Mesos' built-in allocator.
            return turn.count("messages_resource_request");
        case Call::ACKNOWLEDGE_OPERATION_STATUS:
            return on_acknowledge_operation(turn, framework, call.acknowledge_operation_status());
        case Call::ACCEPT_INVERSE_OFFERS:
            return on_accept_inverse_offers(turn, framework, call.accept_inverse_offers());
        case Call::DECLINE_INVERSE_OFFERS:
            return on_decline_inverse_offers(turn, framework, call.decline_inverse_offers());
        case Call::SUBSCRIBE:
        case Call::UNKNOWN:
            turn.log(Severity::error, "Ignoring {} of framework {}: not a call of a subscriber",
                     Call::Type_Name(call.type()), framework.id);
            return;
    }
}

}  // namespace

void kill_displaced(Turn& turn, const Framework& framework, const Task& task,
                    const std::string& why) {
    send_kill(turn, framework, task, nullptr, &why);
}

void on_requested(Turn& turn, const KillRequested& requested) {
    const Framework* framework = turn.find_framework(requested.framework);
    const auto task = framework == nullptr ? decltype(framework->tasks.end()){}
                                           : framework->tasks.find(requested.task);
    if (framework == nullptr || task == framework->tasks.end() ||
        is_terminal(task->second.info.state())) {
        turn.effects.emplace_back(AnswerRequest{
            requested.request, fail(Errc::not_found, "No task {} of framework {} is running",
                                    requested.task, requested.framework)});
        return;
    }
    turn.log(Severity::info, "Killing task {} of framework {} for an operator", requested.task,
             requested.framework);
    send_kill(turn, *framework, task->second, requested.policy ? &*requested.policy : nullptr);
    turn.effects.emplace_back(AnswerRequest{requested.request, {}});
}

Result<void> check_scheduler_call(const State& state, const Call& call,
                                  const std::optional<StreamId>& stream) {
    TEPUI_CHECK_OK(validate_call(call));
    const auto it = state.frameworks.find(FrameworkId{call.framework_id().value()});
    if (it == state.frameworks.end() || it->second.phase == Framework::Phase::removing) {
        return fail(Errc::invalid_argument, "Framework cannot be found");
    }
    const Framework& framework = it->second;
    if (!framework.connected()) return fail(Errc::denied, "Framework is not subscribed");
    if (!stream) {
        return fail(Errc::invalid_argument,
                    "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
    }
    if (*stream != *framework.stream) {
        return fail(Errc::invalid_argument,
                    "The stream ID '{}' of this request is not that of the subscription of "
                    "framework {}",
                    *stream, framework.id);
    }
    if (call.type() == Call::UPDATE_FRAMEWORK) {
        return judge_framework_update(state, framework, call.update_framework());
    }
    return {};
}

void on_scheduler_call(Turn& turn, SchedulerCalled called) {
    if (const auto valid = check_scheduler_call(turn.state, called.call, called.stream); !valid) {
        // It was judged when its 202 went out; what changed since, the client learns by its stream.
        turn.count("dropped_messages");
        turn.log(Severity::info, "Dropping {} of framework {}: {}",
                 Call::Type_Name(called.call.type()), called.call.framework_id().value(),
                 valid.error().text);
        return;
    }
    Framework& framework = *turn.find_framework(FrameworkId{called.call.framework_id().value()});
    framework.tally.calls.add(called.call.type());
    dispatch(turn, framework, called.call);
}

}  // namespace tepui::master
