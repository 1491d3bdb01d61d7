#include "master/core/fuzz_messages_testing.h"

// What schedulers say.
namespace tepui::master::testing {

namespace {

using Call = mesos::v1::scheduler::Call;
using Operation = mesos::v1::Offer::Operation;

}  // namespace

Call FuzzMessages::subscribe() {
    Call call;
    call.set_type(Call::SUBSCRIBE);
    auto& subscribe = *call.mutable_subscribe();
    *subscribe.mutable_framework_info() = framework_info();
    if (in_.flag()) {  // Comes back.
        const FrameworkId id = framework();
        call.mutable_framework_id()->set_value(id.value);
        subscribe.mutable_framework_info()->mutable_id()->set_value(id.value);
    }
    if (in_.rarely()) subscribe.add_suppressed_roles(role());
    twist(call);
    return call;
}

void FuzzMessages::fill_launch(Operation& operation, const AgentId& agent) {
    const std::size_t more = in_.below(3);
    if (in_.flag()) {
        operation.set_type(Operation::LAUNCH_GROUP);
        auto& group = *operation.mutable_launch_group();
        *group.mutable_executor() = executor_info();
        for (std::size_t i = 0; i <= more; ++i)
            *group.mutable_task_group()->add_tasks() = task_info(agent);
        return;
    }
    operation.set_type(Operation::LAUNCH);
    for (std::size_t i = 0; i <= more; ++i)
        *operation.mutable_launch()->add_task_infos() = task_info(agent);
}

void FuzzMessages::fill_accept(Call& call) {
    auto& accept = *call.mutable_accept();
    AgentId agent{"nobody"};
    for (std::size_t i = 0, more = in_.below(3); i <= more; ++i) {
        const OfferId id = offer();
        accept.add_offer_ids()->set_value(id.value);
        const auto found = world_.state().offers.find(id);
        if (found == world_.state().offers.end()) continue;
        agent = found->second.agent;
        // Whose the offer is; else most would be refused.
        if (!in_.rarely()) call.mutable_framework_id()->set_value(found->second.framework.value);
    }
    for (std::size_t i = 0, more = in_.below(3); i <= more; ++i) {
        Operation& operation = *accept.add_operations();
        if (in_.rarely()) operation.mutable_id()->set_value(name("o"));
        if (!in_.flag()) {
            fill_launch(operation, agent);
            continue;
        }
        fill_operation(operation, OfferId{accept.offer_ids(0).value()});
    }
    if (in_.flag()) accept.mutable_filters()->set_refuse_seconds(number());
}

void FuzzMessages::fill_decline(Call& call) {
    auto& decline = *call.mutable_decline();
    for (std::size_t i = 0, more = in_.below(3); i <= more; ++i) {
        const OfferId id = offer();
        decline.add_offer_ids()->set_value(id.value);
        const auto found = world_.state().offers.find(id);
        if (found != world_.state().offers.end())
            call.mutable_framework_id()->set_value(found->second.framework.value);
    }
    if (in_.flag()) decline.mutable_filters()->set_refuse_seconds(number());
}

void FuzzMessages::fill_acknowledge(Call& call) {
    auto& acknowledge = *call.mutable_acknowledge();
    const auto& told = world_.told();
    if (told.empty() || in_.rarely()) {
        acknowledge.mutable_agent_id()->set_value(agent().value);
        acknowledge.mutable_task_id()->set_value(task().value);
        acknowledge.set_uuid(std::string(16, static_cast<char>('a' + in_.below(8))));
        return;
    }
    const mesos::v1::TaskStatus& status = told[in_.below(told.size())];
    *acknowledge.mutable_agent_id() = status.agent_id();
    *acknowledge.mutable_task_id() = status.task_id();
    acknowledge.set_uuid(status.uuid());
}

void FuzzMessages::fill_reconcile(Call& call) {
    auto& reconcile = *call.mutable_reconcile();
    for (std::size_t i = 0, count = in_.below(4); i < count; ++i) {
        auto& named = *reconcile.add_tasks();
        named.mutable_task_id()->set_value(task().value);
        if (in_.flag()) named.mutable_agent_id()->set_value(agent().value);
    }
}

void FuzzMessages::fill_other(Call& call) {
    switch (call.type()) {
        case Call::KILL: {
            call.mutable_kill()->mutable_task_id()->set_value(task().value);
            if (in_.flag()) call.mutable_kill()->mutable_agent_id()->set_value(agent().value);
            if (auto policy = kill_policy()) *call.mutable_kill()->mutable_kill_policy() = *policy;
            return;
        }
        case Call::SHUTDOWN:
            call.mutable_shutdown()->mutable_executor_id()->set_value(executor().value);
            if (in_.flag()) call.mutable_shutdown()->mutable_agent_id()->set_value(agent().value);
            return;
        case Call::MESSAGE:
            call.mutable_message()->mutable_agent_id()->set_value(agent().value);
            call.mutable_message()->mutable_executor_id()->set_value(executor().value);
            call.mutable_message()->set_data(in_.bytes());
            return;
        case Call::REVIVE:
            if (in_.flag()) call.mutable_revive()->add_roles(role());
            return;
        case Call::SUPPRESS:
            if (in_.flag()) call.mutable_suppress()->add_roles(role());
            return;
        case Call::UPDATE_FRAMEWORK: {
            auto& update = *call.mutable_update_framework();
            const auto found =
                world_.state().frameworks.find(FrameworkId{call.framework_id().value()});
            if (found != world_.state().frameworks.end() && in_.flag()) {
                *update.mutable_framework_info() = *found->second.info;
            } else {
                *update.mutable_framework_info() = framework_info();
                *update.mutable_framework_info()->mutable_id() = call.framework_id();
            }
            if (in_.flag()) update.mutable_framework_info()->add_roles(role());
            if (in_.flag()) update.add_suppressed_roles(role());
            return;
        }
        case Call::REQUEST: call.mutable_request(); return;
        case Call::RECONCILE_OPERATIONS: {
            auto& reconcile = *call.mutable_reconcile_operations();
            if (in_.flag()) return;
            auto& asked = *reconcile.add_operations();
            asked.mutable_operation_id()->set_value(name("o"));
            if (in_.flag()) asked.mutable_agent_id()->set_value(agent().value);
            return;
        }
        case Call::ACKNOWLEDGE_OPERATION_STATUS: {
            auto& acknowledge = *call.mutable_acknowledge_operation_status();
            acknowledge.mutable_operation_id()->set_value(name("o"));
            acknowledge.set_uuid(std::string(16, static_cast<char>('a' + in_.below(8))));
            if (in_.flag()) acknowledge.mutable_agent_id()->set_value(agent().value);
            const auto found =
                world_.state().frameworks.find(FrameworkId{call.framework_id().value()});
            if (found == world_.state().frameworks.end() || found->second.operations.empty())
                return;
            const auto& [id, key] = *found->second.operations.begin();
            acknowledge.mutable_operation_id()->set_value(id);
            acknowledge.mutable_agent_id()->set_value(key.agent.value);
            acknowledge.set_uuid(world_.state()
                                     .agents.at(key.agent)
                                     .operations.at(key.uuid)
                                     .info->latest_status()
                                     .uuid()
                                     .value());
            return;
        }
        default: return;
    }
}

Call FuzzMessages::call() {
    static constexpr Call::Type types[] = {Call::ACCEPT,
                                           Call::ACCEPT,
                                           Call::ACCEPT,
                                           Call::DECLINE,
                                           Call::ACKNOWLEDGE,
                                           Call::KILL,
                                           Call::REVIVE,
                                           Call::SUPPRESS,
                                           Call::RECONCILE,
                                           Call::MESSAGE,
                                           Call::SHUTDOWN,
                                           Call::ACCEPT,
                                           Call::REQUEST,
                                           Call::UPDATE_FRAMEWORK,
                                           Call::TEARDOWN,
                                           Call::RECONCILE_OPERATIONS,
                                           Call::ACKNOWLEDGE_OPERATION_STATUS,
                                           Call::ACCEPT_INVERSE_OFFERS,
                                           Call::DECLINE_INVERSE_OFFERS};
    Call call;
    call.set_type(in_.of(types));
    call.mutable_framework_id()->set_value(framework().value);
    switch (call.type()) {
        case Call::ACCEPT: fill_accept(call); break;
        case Call::DECLINE: fill_decline(call); break;
        case Call::ACKNOWLEDGE: fill_acknowledge(call); break;
        case Call::RECONCILE: fill_reconcile(call); break;
        case Call::ACCEPT_INVERSE_OFFERS:
        case Call::DECLINE_INVERSE_OFFERS: fill_inverse_answer(call); break;
        default: fill_other(call); break;
    }
    twist(call);
    return call;
}

Call FuzzMessages::raw_call() {
    Call call;
    if (!call.ParsePartialFromString(in_.bytes()) || !call.IsInitialized()) call.Clear();
    resolve(call);
    return call;
}

std::optional<StreamId> FuzzMessages::stream(const Call& call) {
    const std::uint8_t choice = in_.byte();
    if (choice >= 0xfe) return std::nullopt;
    if (choice >= 0xf8) return StreamId{"nobody's"};
    const auto found = world_.state().frameworks.find(FrameworkId{call.framework_id().value()});
    return found == world_.state().frameworks.end() ? StreamId{"nobody's"} : found->second.stream;
}

}  // namespace tepui::master::testing
