#include "master/core/deactivation.h"

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
    if (!is_known(state, id)) {
        return fail(Errc::not_found,
                    "Agent {} is not known: it never registered here, was removed, or is gone", id);
    }
    if (is_changing(state, id)) {
        return fail(Errc::unavailable,
                    "Agent {} is just being registered or given up; ask again in a moment", id);
    }
    if (!requested.deactivated && !recorded_deactivated(state, id)) {
        return fail(Errc::conflict, "Agent {} is not deactivated", id);
    }
    return {};
}

// The agent's record as it is, but for the deactivation.
std::string encode_record(const State& state, const AgentId& id, bool deactivated) {
    if (const auto it = state.agents.find(id); it != state.agents.end()) {
        const Agent& agent = it->second;
        return encode_agent(*agent.info, agent.version, agent.registered_at, {}, deactivated);
    }
    if (const auto it = state.recovered_agents.find(id); it != state.recovered_agents.end()) {
        const RecoveredAgent& agent = it->second;
        return encode_agent(*agent.info, agent.version, agent.registered_at, {}, deactivated);
    }
    // An unreachable agent tells its version and enters anew when it comes back.
    const UnreachableAgent& agent = state.unreachable_agents.at(id);
    return encode_agent(*agent.info, "", agent.since, agent.since, deactivated);
}

void set_deactivated(Turn& turn, const AgentId& id, bool deactivated) {
    State& state = turn.state;
    if (deactivated) {
        state.deactivated_agents.insert(id);
    } else {
        state.deactivated_agents.erase(id);
    }
    Agent* agent = turn.find_agent(id);
    if (agent == nullptr) return;
    agent->deactivated = deactivated;
    turn.changed(id);
    if (deactivated) {
        state.allocator->deactivate_agent(id);
        rescind_offers_on(turn, *agent);
    } else if (agent->active()) {
        state.allocator->activate_agent(id);
    }
}

}  // namespace

bool recorded_deactivated(const State& state, const AgentId& id) {
    const auto pending = state.pending.deactivations.find(id);
    if (pending != state.pending.deactivations.end()) return pending->second.deactivated;
    return state.deactivated_agents.contains(id);
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
    PendingDeactivation& newest = pending[id];
    newest.deactivated = requested.deactivated;
    ++newest.writes;
    turn.persist({{agent_key(id), encode_record(state, id, requested.deactivated)}},
                 DeactivationStored{requested.request, id, requested.deactivated});
}

void on_deactivation_stored(Turn& turn, const DeactivationStored& stored) {
    State& state = turn.state;
    const auto pending = state.pending.deactivations.find(stored.agent);
    if (pending != state.pending.deactivations.end() && --pending->second.writes == 0) {
        state.pending.deactivations.erase(pending);
    }
    if (!is_known(state, stored.agent)) {
        // Its record was being removed for its age; this write brought it back.
        turn.persist({{agent_key(stored.agent), {}}}, NothingWaits{});
        turn.effects.emplace_back(AnswerRequest{
            stored.request, fail(Errc::not_found, "Agent {} is forgotten by now", stored.agent)});
        return;
    }
    set_deactivated(turn, stored.agent, stored.deactivated);
    turn.effects.emplace_back(AnswerRequest{stored.request, {}});
}

void forget_deactivation(Turn& turn, const AgentId& id) { turn.state.deactivated_agents.erase(id); }

}  // namespace tepui::master
