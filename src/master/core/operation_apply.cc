#include "master/core/operation_apply.h"

#include "master/core/ledger.h"
#include "master/core/offers.h"
#include "master/core/operation_table.h"
#include "master/core/operation_validation.h"
#include "master/core/operations.h"
#include "resources/entry.h"

namespace tepui::master {

namespace {

using Operation = mesos::v1::Offer::Operation;

bool is_resize(const Operation& operation) {
    return operation.type() == Operation::GROW_VOLUME ||
           operation.type() == Operation::SHRINK_VOLUME;
}

// A shared volume may be in several offers.
void rescind_offers_with(Turn& turn, Agent& agent, const Resources& volumes) {
    const std::set<OfferId> offers = agent.offers;
    for (const OfferId& id : offers) {
        const Resources held = turn.state.offers.at(id).resources.unallocated();
        if (held - volumes == held) continue;
        remove_offer(turn, id, /*rescind=*/true);
    }
}

Result<Conversion> plan(const Pool& pool, const Operation& operation) {
    const std::string& principal = pool.framework.info->principal();
    Requester requester{&pool.framework, pool.role, std::nullopt};
    if (pool.framework.info->has_principal()) requester.principal = principal;
    if (operation.has_id() && pool.framework.operations.contains(operation.id().value())) {
        return fail(Errc::invalid_argument,
                    "operation id '{}' is in use: its last status was not acknowledged yet",
                    operation.id().value());
    }
    auto conversion = TEPUI_TRY(judge_operation(pool.agent, operation, requester));
    TEPUI_CHECK_OK(convert(pool.remaining, conversion));
    TEPUI_CHECK_OK(convert(pool.agent.total, unallocated(conversion)));
    return conversion;
}

Resources free_on(const State& state, const Agent& agent) {
    Resources free = agent.total;
    for (const auto& [framework, used] : agent.used) free -= used.unallocated();
    for (const OfferId& id : agent.offers) free -= state.offers.at(id).resources.unallocated();
    return free;
}

// Takes back offers, as few as needed, until what the operation takes is free.
void rescind_for(Turn& turn, Agent& agent, const Resources& needed) {
    const std::set<OfferId> offers = agent.offers;
    for (const OfferId& id : offers) {
        const Resources missing = needed - free_on(turn.state, agent);
        if (missing.empty()) return;
        if (missing - turn.state.offers.at(id).resources.unallocated() == missing) continue;
        remove_offer(turn, id, /*rescind=*/true);
    }
}

Result<Conversion> plan(const Agent& agent, const OperationRequested& requested,
                        const Operation& operation) {
    const Requester requester{nullptr, {}, requested.principal};
    auto conversion = TEPUI_TRY(judge_operation(agent, operation, requester));
    if (!agent.connected()) {
        return fail(Errc::conflict, "Agent {} is disconnected: ask again when it is back",
                    agent.id);
    }
    TEPUI_CHECK_OK(convert(agent.total, conversion));
    Resources unused = agent.total;
    for (const auto& [framework, used] : agent.used) unused -= used.unallocated();
    if (!unused.contains(conversion.consumed)) {
        return fail(Errc::conflict, "Tasks on agent {} use some of {}: only {} is not in use",
                    agent.id, conversion.consumed.to_string(), unused.to_string());
    }
    return conversion;
}

Result<void> apply(Turn& turn, const OperationRequested& requested) {
    Agent* agent = turn.find_agent(requested.agent);
    if (agent == nullptr) {
        return fail(Errc::not_found, "Agent '{}' is not registered", requested.agent);
    }
    Operation operation = requested.operation;
    operation.clear_id();
    complete_operation(operation, "");
    const auto conversion = TEPUI_TRY(plan(*agent, requested, operation));
    if (operation.type() == Operation::DESTROY) {
        rescind_offers_with(turn, *agent, conversion.consumed);
    }
    rescind_for(turn, *agent, conversion.consumed);
    turn.log(Severity::info, "{} on agent {} for an operator: {} becomes {}",
             Operation::Type_Name(operation.type()), agent->id, conversion.consumed.to_string(),
             conversion.converted.to_string());
    convert_free(turn, *agent, conversion);
    send_operation(turn, *agent, nullptr, std::move(operation));
    return {};
}

}  // namespace

void refuse_operation(Turn& turn, const Framework& framework, const Operation& operation,
                      std::string message) {
    turn.log(Severity::info, "Skipping {} of framework {}: {}",
             Operation::Type_Name(operation.type()), framework.id, message);
    if (!operation.has_id()) return;
    mesos::v1::OperationStatus status;
    *status.mutable_operation_id() = operation.id();
    status.set_state(mesos::v1::OPERATION_ERROR);
    status.set_message(std::move(message));
    tell_operation(turn, framework, std::move(status));
}

void run_conversion(Turn& turn, Pool& pool, Operation& operation) {
    complete_operation(operation, pool.role);
    const auto conversion = plan(pool, operation);
    if (!conversion) {
        return refuse_operation(turn, pool.framework, operation, conversion.error().text);
    }
    if (operation.type() == Operation::DESTROY) {
        rescind_offers_with(turn, pool.agent, conversion->consumed.unallocated());
    }
    convert_offered(turn, pool.agent, pool.framework.id, *conversion);
    pool.remaining -= conversion->consumed;
    // A resized volume is not for the operations that follow: the agent may yet refuse.
    (is_resize(operation) ? pool.set_aside : pool.remaining) += conversion->converted;
    send_operation(turn, pool.agent, &pool.framework, std::move(operation));
}

void on_requested(Turn& turn, const OperationRequested& requested) {
    turn.effects.emplace_back(AnswerRequest{requested.request, apply(turn, requested)});
}

}  // namespace tepui::master
