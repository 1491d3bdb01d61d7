#include "master/core/registry_gc.h"

#include <algorithm>

#include "master/core/deactivation.h"
#include "master/core/registry_codec.h"

namespace tepui::master {

namespace {

const TimerKey gc_timer{TimerKey::Kind::registry_gc, ""};

using Aged = std::vector<std::pair<WallTime, AgentId>>;

// Those of `agents` that are too old or too many.
Aged too_many(const State& state, Aged agents, WallTime now) {
    std::ranges::sort(agents);
    const std::size_t most = state.config.registry_max_agent_count;
    std::size_t count = agents.size() - std::min(agents.size(), most);
    while (count < agents.size() && now.since_epoch - agents[count].first.since_epoch >
                                        state.config.registry_max_agent_age) {
        ++count;
    }
    agents.resize(count);
    // What is just coming back, being marked gone or (de)activated, is written anew by that.
    std::erase_if(agents, [&](const auto& entry) {
        return state.pending.newest_registration.contains(entry.second) ||
               state.pending.gone_requests.contains(entry.second) ||
               state.pending.deactivations.contains(entry.second);
    });
    return agents;
}

bool nothing_to_forget(const State& state) {
    return state.unreachable_agents.empty() && state.gone_agents.empty();
}

}  // namespace

void arm_registry_gc(Turn& turn) {
    State& state = turn.state;
    if (state.registry_gc_armed) return;
    state.registry_gc_armed = true;
    state.timers.set(gc_timer, turn.now.instant + state.config.registry_gc_interval);
}

void on_registry_gc_due(Turn& turn) {
    State& state = turn.state;
    state.registry_gc_armed = false;
    if (nothing_to_forget(state)) return;
    arm_registry_gc(turn);
    Aged unreachable;
    for (const auto& [id, agent] : state.unreachable_agents) {
        unreachable.emplace_back(agent.since, id);
    }
    Aged gone;
    for (const auto& [id, since] : state.gone_agents) gone.emplace_back(since, id);
    AgentsForgotten forgotten;
    forgotten.agents = too_many(state, std::move(unreachable), turn.now.wall);
    for (auto& entry : too_many(state, std::move(gone), turn.now.wall)) {
        forgotten.agents.push_back(std::move(entry));
    }
    if (forgotten.agents.empty()) return;
    std::vector<RegistryWrite> writes;
    for (const auto& [since, id] : forgotten.agents) writes.push_back({agent_key(id), {}});
    turn.log(Severity::info, "Forgetting {} agents that were unreachable or gone",
             forgotten.agents.size());
    turn.persist(std::move(writes), std::move(forgotten));
}

void on_agents_forgotten(Turn& turn, const AgentsForgotten& forgotten) {
    State& state = turn.state;
    for (const auto& [since, id] : forgotten.agents) {
        if (const auto it = state.unreachable_agents.find(id);
            it != state.unreachable_agents.end() && it->second.since == since) {
            state.unreachable_agents.erase(it);
            forget_deactivation(turn, id);
        }
        if (const auto it = state.gone_agents.find(id);
            it != state.gone_agents.end() && it->second == since) {
            state.gone_agents.erase(it);
        }
        turn.changed(id);
    }
}

}  // namespace tepui::master
