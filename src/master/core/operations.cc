#include "master/core/operations.h"

#include "master/core/ledger.h"
#include "master/core/offers.h"
#include "master/core/operation_table.h"
#include "resources/conversion.h"

namespace tepui::master {

namespace {

using mesos::v1::Operation;
using mesos::v1::OperationStatus;

// How long a framework that is not known may take to come for its operations. Source: Apache Mesos
// 1.12-dev, src/master/constants.hpp.
constexpr Duration orphan_time = std::chrono::minutes{10};

// The operation with one more status.
std::shared_ptr<const Operation> with_status(const Operation& operation, const AgentId& agent,
                                             OperationStatus status) {
    auto changed = std::make_shared<Operation>(operation);
    if (operation.info().has_id()) *status.mutable_operation_id() = operation.info().id();
    status.mutable_agent_id()->set_value(agent.value);
    const int count = changed->statuses_size();
    const bool repeated = count > 0 && status.has_uuid() &&
                          changed->statuses(count - 1).uuid().value() == status.uuid().value();
    if (!repeated) *changed->add_statuses() = status;
    *changed->mutable_latest_status() = std::move(status);
    return changed;
}

// Whether someone may still ask for the operation's status and acknowledge it.
bool is_awaited(const State& state, const Operation& operation) {
    if (!operation.info().has_id() || !operation.has_framework_id()) return false;
    const FrameworkId id{operation.framework_id().value()};
    const auto it = state.frameworks.find(id);
    if (it != state.frameworks.end()) return it->second.phase != Framework::Phase::removing;
    return !state.ended_frameworks.contains(id);
}

// Acknowledges what nobody awaits, once it has an end.
void settle(Turn& turn, Agent& agent, const std::string& uuid) {
    const auto it = agent.operations.find(uuid);
    if (it == agent.operations.end() || is_awaited(turn.state, *it->second.info)) return;
    const OperationStatus& status = it->second.info->latest_status();
    if (!has_ended(status.state())) return;
    if (!status.has_uuid()) return forget_operation(turn, agent, std::string(uuid));
    acknowledge_operation(turn, agent, std::string(uuid), std::string(status.uuid().value()));
}

// The order of effects, and of the table, is that of the uuids.
std::vector<std::string> uuids_of(const Agent& agent) {
    std::vector<std::string> uuids;
    for (const auto& [uuid, operation] : agent.operations) uuids.push_back(uuid);
    return uuids;
}

// Takes for done what the agent has and did not end yet: it is not in what it keeps, but for
// volumes that it is making or removing just now.
void add_pending(Resources& total, const Operation& operation) {
    if (operation.latest_status().state() != mesos::v1::OPERATION_PENDING) return;
    const auto conversion = conversion_of(operation.info());
    if (!conversion) return;
    const Resources made = conversion->converted.unallocated();
    const bool creates = operation.info().type() == mesos::v1::Offer::Operation::CREATE;
    if (creates && total.contains(made)) return;
    // What fails here will fail there, and the agent says so.
    if (auto done = convert(total, {conversion->consumed.unallocated(), made}))
        total = std::move(*done);
}

void drop_operation(Turn& turn, Agent& agent, const std::string& uuid) {
    const std::shared_ptr<const Operation> operation = agent.operations.at(uuid).info;
    forget_operation(turn, agent, uuid);
    if (has_ended(operation->latest_status().state())) return;  // Acknowledged meanwhile.
    OperationStatus status;
    status.set_state(mesos::v1::OPERATION_DROPPED);
    status.set_message("The operation did not reach the agent");
    const auto dropped = with_status(*operation, agent.id, std::move(status));
    if (const Framework* framework = listener_of(turn, *dropped)) {
        tell_operation(turn, *framework, dropped->latest_status());
    }
}

bool is_well_formed(const Operation& operation) { return operation.uuid().value().size() == 16; }

}  // namespace

void on_operation_update(Turn& turn, Agent& agent, const link::OperationUpdate& update) {
    turn.count("messages_operation_status_update");
    const std::string& uuid = update.operation_uuid();
    const auto it = agent.operations.find(uuid);
    if (it == agent.operations.end()) {
        // It was acknowledged, and the acknowledgement lost: nothing else ends an operation here
        // while its agent stays.
        turn.count("invalid_operation_status_updates");
        if (update.status().has_uuid()) {
            acknowledge_operation(turn, agent, uuid, update.status().uuid().value());
        }
        return;
    }
    turn.count("valid_operation_status_updates");
    keep_operation(turn, agent,
                   {with_status(*it->second.info, agent.id, update.status()), it->second.sent_on});
    const Operation& operation = *it->second.info;
    if (operation.latest_status().state() != mesos::v1::OPERATION_FINISHED) {
        turn.log(Severity::warning, "{} on agent {}: {} {}",
                 mesos::v1::Offer::Operation::Type_Name(operation.info().type()), agent.id,
                 mesos::v1::OperationState_Name(operation.latest_status().state()),
                 operation.latest_status().message());
    }
    if (!is_awaited(turn.state, operation)) return settle(turn, agent, std::string(uuid));
    // To one that is away the agent repeats it.
    if (const Framework* framework = listener_of(turn, operation)) {
        tell_operation(turn, *framework, operation.latest_status());
    }
}

void on_checkpointed_resources(Turn& turn, Agent& agent, const link::CheckpointedResources& kept) {
    auto total = total_of(*agent.info, kept.resources());
    if (!total) {
        turn.log(Severity::error, "Ignoring the reservations that agent {} reports: {}", agent.id,
                 total.error().text);
        return;
    }
    for (const auto& [uuid, operation] : agent.operations) add_pending(*total, *operation.info);
    *total += agent.oversubscribed;
    if (*total == agent.total) return;
    turn.log(Severity::warning, "Agent {} has {}, where {} was expected", agent.id,
             total->to_string(), agent.total.to_string());
    rescind_offers_on(turn, agent);
    set_total(turn, agent, std::move(*total));
    turn.changed(agent.id);
}

void on_acknowledge_operation(
    Turn& turn, Framework& framework,
    const mesos::v1::scheduler::Call::AcknowledgeOperationStatus& acknowledge) {
    turn.count("messages_operation_status_update_acknowledgement");
    const auto refuse = [&](std::string_view why) {
        turn.count("invalid_operation_status_update_acknowledgements");
        turn.log(Severity::info,
                 "Ignoring ACKNOWLEDGE_OPERATION_STATUS of '{}' by framework {}: {}",
                 acknowledge.operation_id().value(), framework.id, why);
    };
    const auto known = framework.operations.find(acknowledge.operation_id().value());
    if (known == framework.operations.end()) return refuse("no such operation is known");
    const OperationKey key = known->second;
    Agent& agent = turn.state.agents.at(key.agent);
    if (acknowledge.has_agent_id() && acknowledge.agent_id().value() != key.agent.value) {
        return refuse("it is on another agent");
    }
    const OperationStatus& status = agent.operations.at(key.uuid).info->latest_status();
    if (!status.has_uuid() || status.uuid().value() != acknowledge.uuid()) {
        return refuse("the uuid is not that of its last status");
    }
    turn.count("valid_operation_status_update_acknowledgements");
    acknowledge_operation(turn, agent, key.uuid, acknowledge.uuid());
}

void adopt_operations(Turn& turn, const FrameworkId& framework) {
    for (auto& [id, agent] : turn.state.agents) {
        for (const std::string& uuid : uuids_of(agent)) {
            const Operation& operation = *agent.operations.at(uuid).info;
            if (operation.framework_id().value() == framework.value) settle(turn, agent, uuid);
        }
    }
}

void adopt_orphans(Turn& turn, Agent& agent) {
    if (agent.operations.empty() || !agent.connected()) return;
    const WallTime since = agent.reregistered_at.value_or(agent.registered_at);
    if (turn.now.wall.since_epoch - since.since_epoch < orphan_time) return;
    for (const std::string& uuid : uuids_of(agent)) {
        const Operation& operation = *agent.operations.at(uuid).info;
        const OperationStatus& status = operation.latest_status();
        const FrameworkId framework{operation.framework_id().value()};
        if (turn.find_framework(framework) != nullptr) continue;
        if (!has_ended(status.state()) || !status.has_uuid()) continue;
        turn.log(Severity::info, "Nobody came for an operation of framework {} on agent {}",
                 framework, agent.id);
        acknowledge_operation(turn, agent, uuid, std::string(status.uuid().value()));
    }
}

void lose_operations(Turn& turn, Agent& agent, mesos::v1::OperationState state,
                     const std::string& message) {
    for (const std::string& uuid : uuids_of(agent)) {
        const std::shared_ptr<const Operation> operation = agent.operations.at(uuid).info;
        const Framework* framework = listener_of(turn, *operation);
        forget_operation(turn, agent, uuid);
        if (framework == nullptr || has_ended(operation->latest_status().state())) continue;
        OperationStatus status;
        *status.mutable_operation_id() = operation->info().id();
        status.set_state(state);
        status.set_message(message);
        status.mutable_agent_id()->set_value(agent.id.value);
        tell_operation(turn, *framework, std::move(status));
    }
}

Result<Resources> total_of(const mesos::v1::AgentInfo& info, const ResourceList& checkpointed) {
    const Resources configured = TEPUI_TRY(Resources::parse(info.resources()));
    if (checkpointed.empty()) return configured;
    return with_checkpointed(configured, TEPUI_TRY(Resources::parse(checkpointed)));
}

Result<Resources> total_of(const link::ReregisterAgent& frame) {
    auto total = TEPUI_TRY(total_of(frame.agent(), frame.checkpointed_resources()));
    for (const Operation& operation : frame.operations()) add_pending(total, operation);
    return total;
}

void readmit_operations(Turn& turn, Agent& agent, const link::ReregisterAgent& frame) {
    std::set<std::string> listed;
    for (const Operation& operation : frame.operations()) listed.insert(operation.uuid().value());
    for (const std::string& uuid : uuids_of(agent)) {
        if (listed.contains(uuid)) continue;
        if (agent.link && agent.operations.at(uuid).sent_on == *agent.link) continue;
        drop_operation(turn, agent, uuid);
    }
    for (const Operation& reported : frame.operations()) {
        if (!is_well_formed(reported)) {
            turn.log(Severity::error, "Ignoring an operation that agent {} reports: it has no uuid",
                     agent.id);
            continue;
        }
        auto info = std::make_shared<Operation>(reported);
        info->mutable_agent_id()->set_value(agent.id.value);
        keep_operation(turn, agent, SentOperation{std::move(info), {}});
        settle(turn, agent, reported.uuid().value());
    }
}

}  // namespace tepui::master
