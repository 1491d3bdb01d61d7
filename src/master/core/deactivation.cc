#include "master/core/deactivation.h"

#include "master/core/agent_review.h"
#include "master/core/inverse_offers.h"
#include "master/core/offers.h"
#include "master/core/registry_codec.h"

namespace tepui::master {

namespace {

bool is_known(const State& state, const AgentId& id) {
    return state.agents.contains(id) || state.recovered_agents.contains(id) ||
           state.unreachable_agents.contains(id);
}

// Its record is being written with something else in it, or removed.
bool is_changing(const State& state, const AgentId& id) {
    if (state.pending.newest_registration.contains(id)) return true;
    if (state.pending.gone_requests.contains(id)) return true;
    if (const auto it = state.agents.find(id); it != state.agents.end()) {
        return it->second.marking_unreachable || it->second.removing;
    }
    const auto it = state.recovered_agents.find(id);
    return it != state.recovered_agents.end() && it->second.marking_unreachable;
}

Result<void> check(const State& state, const DeactivationRequested& requested) {
    const AgentId& id = requested.agent;
    TEPUI_CHECK_OK(check_settled(state, id));
    if (requested.deactivated) return {};
    if (!recorded_deactivated(state, id)) {
        return fail(Errc::conflict, "Agent {} is not deactivated", id);
    }
    const mesos::v1::DrainInfo* drain = recorded_drain(state, id);
    if (drain != nullptr && drain->state() == mesos::v1::DRAINING) {
        return fail(Errc::conflict,
                    "Agent {} is still draining; wait until it is drained, or take the drain back "
                    "(POST /tepui/cancel-drain)",
                    id);
    }
    return {};
}

}  // namespace

bool recorded_deactivated(const State& state, const AgentId& id) {
    const auto pending = state.pending.deactivations.find(id);
    if (pending != state.pending.deactivations.end()) return pending->second.deactivated;
    return state.deactivated_agents.contains(id);
}

const mesos::v1::DrainInfo* recorded_drain(const State& state, const AgentId& id) {
    const auto pending = state.pending.deactivations.find(id);
    if (pending != state.pending.deactivations.end()) {
        return pending->second.drain ? &*pending->second.drain : nullptr;
    }
    const auto it = state.drains.find(id);
    return it == state.drains.end() ? nullptr : &it->second;
}

std::string encode_agent_in_use(const State& state, const mesos::v1::AgentInfo& info,
                                const std::string& version, WallTime registered_at,
                                std::optional<WallTime> unreachable_since) {
    const AgentId id{info.id().value()};
    return encode_agent(info, version, registered_at, unreachable_since,
                        recorded_deactivated(state, id), recorded_drain(state, id));
}

std::string encode_known_agent(const State& state, const AgentId& id) {
    if (const auto it = state.agents.find(id); it != state.agents.end()) {
        const Agent& agent = it->second;
        return encode_agent_in_use(state, *agent.info, agent.version, agent.registered_at, {});
    }
    if (const auto it = state.recovered_agents.find(id); it != state.recovered_agents.end()) {
        const RecoveredAgent& agent = it->second;
        return encode_agent_in_use(state, *agent.info, agent.version, agent.registered_at, {});
    }
    // An unreachable agent tells its version and enters anew when it comes back.
    const UnreachableAgent& agent = state.unreachable_agents.at(id);
    return encode_agent_in_use(state, *agent.info, "", agent.since, agent.since);
}

Result<void> check_settled(const State& state, const AgentId& id) {
    if (!is_known(state, id)) {
        return fail(Errc::not_found,
                    "Agent {} is not known: it never registered here, was removed, or is gone", id);
    }
    if (is_changing(state, id)) {
        return fail(Errc::unavailable,
                    "Agent {} is just being registered or given up; ask again in a moment", id);
    }
    return {};
}

void begin_wish(State& state, const AgentId& id, bool deactivated,
                std::optional<mesos::v1::DrainInfo> drain) {
    PendingDeactivation& newest = state.pending.deactivations[id];
    newest.deactivated = deactivated;
    newest.drain = std::move(drain);
    ++newest.writes;
}

Result<void> end_wish(Turn& turn, const AgentId& id) {
    auto& wishes = turn.state.pending.deactivations;
    const auto pending = wishes.find(id);
    if (pending != wishes.end() && --pending->second.writes == 0) wishes.erase(pending);
    if (is_known(turn.state, id)) return {};
    // Its record was being removed for its age; this write brought it back.
    turn.persist({{agent_key(id), {}}}, NothingWaits{});
    return fail(Errc::not_found, "Agent {} is forgotten by now", id);
}

void set_deactivated(Turn& turn, const AgentId& id, bool deactivated) {
    State& state = turn.state;
    if (deactivated) {
        state.deactivated_agents.insert(id);
    } else {
        state.deactivated_agents.erase(id);
        state.drains.erase(id);
        update_watch(state, id);
    }
    Agent* agent = turn.find_agent(id);
    if (agent == nullptr) return;
    agent->deactivated = deactivated;
    if (!deactivated) agent->drain_told_at.reset();
    turn.changed(id);
    if (deactivated) {
        state.allocator->deactivate_agent(id);
        rescind_offers_on(turn, *agent);
        rescind_inverse_offers_on(turn, *agent);
    } else if (agent->active()) {
        state.allocator->activate_agent(id);
    }
}

void on_requested(Turn& turn, const DeactivationRequested& requested) {
    State& state = turn.state;
    const AgentId& id = requested.agent;
    if (auto allowed = check(state, requested); !allowed) {
        turn.effects.emplace_back(AnswerRequest{requested.request, std::move(allowed)});
        return;
    }
    auto& pending = state.pending.deactivations;
    if (!pending.contains(id) && state.deactivated_agents.contains(id) == requested.deactivated) {
        turn.effects.emplace_back(AnswerRequest{requested.request, {}});
        return;
    }
    turn.log(Severity::info, "{} agent {}, as an operator wishes",
             requested.deactivated ? "Deactivating" : "Reactivating", id);
    std::optional<mesos::v1::DrainInfo> drain;
    if (const auto* recorded = recorded_drain(state, id); recorded && requested.deactivated) {
        drain = *recorded;
    }
    begin_wish(state, id, requested.deactivated, std::move(drain));
    turn.persist({{agent_key(id), encode_known_agent(state, id)}},
                 DeactivationStored{requested.request, id, requested.deactivated});
}

void on_deactivation_stored(Turn& turn, const DeactivationStored& stored) {
    if (auto known = end_wish(turn, stored.agent); !known) {
        turn.effects.emplace_back(AnswerRequest{stored.request, std::move(known)});
        return;
    }
    set_deactivated(turn, stored.agent, stored.deactivated);
    turn.effects.emplace_back(AnswerRequest{stored.request, {}});
}

void forget_deactivation(Turn& turn, const AgentId& id) {
    turn.state.deactivated_agents.erase(id);
    turn.state.drains.erase(id);
    update_watch(turn.state, id);
}

}  // namespace tepui::master
