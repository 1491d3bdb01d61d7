#include "master/core/operation_table.h"

#include "base/assert.h"

namespace tepui::master {

namespace {

void append_big_endian(std::string& bytes, std::uint64_t number) {
    for (int shift = 56; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(number >> shift);
    }
}

// Unique in the cluster, as no two masters have one epoch, and growing: the order of the uuids is
// that in which operations were sent.
std::string next_uuid(State& state) {
    std::string uuid;
    append_big_endian(uuid, state.epoch);
    append_big_endian(uuid, state.next_operation++);
    return uuid;
}

}  // namespace

bool has_ended(mesos::v1::OperationState state) {
    switch (state) {
        case mesos::v1::OPERATION_FINISHED:
        case mesos::v1::OPERATION_FAILED:
        case mesos::v1::OPERATION_ERROR:
        case mesos::v1::OPERATION_DROPPED:
        case mesos::v1::OPERATION_GONE_BY_OPERATOR: return true;
        default: return false;
    }
}

void send_operation(Turn& turn, Agent& agent, Framework* framework,
                    mesos::v1::Offer::Operation operation) {
    TEPUI_ASSERT(agent.connected());
    const std::string uuid = next_uuid(turn.state);
    link::ToAgent frame;
    link::ApplyOperation& apply = *frame.mutable_apply_operation();
    apply.set_operation_uuid(uuid);
    *apply.mutable_operation() = operation;

    auto info = std::make_shared<mesos::v1::Operation>();
    info->mutable_agent_id()->set_value(agent.id.value);
    info->mutable_uuid()->set_value(uuid);
    mesos::v1::OperationStatus& status = *info->mutable_latest_status();
    status.set_state(mesos::v1::OPERATION_PENDING);
    status.mutable_agent_id()->set_value(agent.id.value);
    if (operation.has_id()) *status.mutable_operation_id() = operation.id();
    if (framework != nullptr) {
        info->mutable_framework_id()->set_value(framework->id.value);
        apply.mutable_framework_id()->set_value(framework->id.value);
    }
    *info->mutable_info() = std::move(operation);
    keep_operation(turn, agent, SentOperation{std::move(info), *agent.link});
    turn.send(agent, std::move(frame));
}

void keep_operation(Turn& turn, Agent& agent, SentOperation operation) {
    const std::string& uuid = operation.info->uuid().value();
    if (Framework* framework = listener_of(turn, *operation.info)) {
        framework->operations.insert_or_assign(operation.info->info().id().value(),
                                               OperationKey{agent.id, uuid});
    }
    agent.operations.insert_or_assign(uuid, std::move(operation));
    turn.changed(agent.id);
}

void forget_operation(Turn& turn, Agent& agent, const std::string& uuid) {
    const auto it = agent.operations.find(uuid);
    if (it == agent.operations.end()) return;
    if (Framework* framework = listener_of(turn, *it->second.info)) {
        const auto known = framework->operations.find(it->second.info->info().id().value());
        if (known != framework->operations.end() && known->second == OperationKey{agent.id, uuid}) {
            framework->operations.erase(known);
        }
    }
    agent.operations.erase(it);
    turn.changed(agent.id);
}

void acknowledge_operation(Turn& turn, Agent& agent, const std::string& uuid,
                           const std::string& status_uuid) {
    link::ToAgent frame;
    frame.mutable_acknowledge_operation()->set_operation_uuid(uuid);
    frame.mutable_acknowledge_operation()->set_status_uuid(status_uuid);
    forget_operation(turn, agent, std::string(uuid));
    // Lost with the connection, it is made up for when the agent tells of the operation again.
    turn.send(agent, std::move(frame));
}

Framework* listener_of(Turn& turn, const mesos::v1::Operation& operation) {
    if (!operation.info().has_id() || !operation.has_framework_id()) return nullptr;
    return turn.find_framework(FrameworkId{operation.framework_id().value()});
}

void tell_operation(Turn& turn, const Framework& framework, mesos::v1::OperationStatus status) {
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::UPDATE_OPERATION_STATUS);
    *event.mutable_update_operation_status()->mutable_status() = std::move(status);
    turn.send(framework, std::move(event));
}

}  // namespace tepui::master
