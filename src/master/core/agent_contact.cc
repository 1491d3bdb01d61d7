// Pings and connections of agents (agents.h): what keeps one in contact, and when it is lost.

#include "master/core/agent_loss.h"
#include "master/core/agents.h"
#include "master/core/operations.h"
#include "master/core/removals.h"

namespace tepui::master {

void on_pong(Turn& turn, Agent& agent) {
    agent.last_seen = turn.now.instant;
    agent.missed_pongs = 0;
    cancel_unreachable(turn, agent.id);
}

void on_ping_due(Turn& turn, const AgentId& id) {
    Agent* agent = turn.find_agent(id);
    if (agent == nullptr || agent->marking_unreachable || agent->removing) return;
    if (agent->missed_pongs >= turn.state.config.max_agent_ping_timeouts) {
        schedule_unreachable(turn, id, "health check timed out");
        if (agent->marking_unreachable) return;
    } else {
        ++agent->missed_pongs;
    }
    adopt_orphans(turn, *agent);
    if (agent->connected()) {
        link::ToAgent frame;
        frame.mutable_ping()->set_connected(true);
        turn.send(*agent, std::move(frame));
    }
    turn.state.timers.set({TimerKey::Kind::ping, id.value},
                          turn.now.instant + turn.state.config.agent_ping_timeout);
}

void on_link_closed(Turn& turn, LinkId link) {
    State& state = turn.state;
    const auto it = state.links.find(link);
    if (it == state.links.end()) return;
    const Link closed = std::move(it->second);
    state.links.erase(it);
    for (const PersistToken token : closed.registering) {
        const auto& stored = std::get<AgentStored>(state.pending.continuations.at(token));
        const auto newest = state.pending.newest_registration.find(stored.agent);
        if (newest != state.pending.newest_registration.end() && newest->second == token) {
            state.pending.newest_registration.erase(newest);
        }
        if (!stored.reregister) state.pending.registrations.erase({link, stored.channel});
    }
    for (const AgentId& id : closed.agents) {
        if (Agent* agent = turn.find_agent(id)) disconnect_agent(turn, *agent);
    }
}

void close_link(Turn& turn, LinkId link) {
    on_link_closed(turn, link);
    turn.state.links[link].closing = true;
    turn.effects.emplace_back(CloseAgentLink{link});
}

}  // namespace tepui::master
