#include "master/core/agent_review.h"

#include <utility>

#include "master/core/drain.h"
#include "master/core/inverse_offers.h"

namespace tepui::master {

void update_watch(State& state, const AgentId& id) {
    const auto agent = state.agents.find(id);
    const bool planned = agent != state.agents.end() && agent->second.unavailability != nullptr;
    if (planned || state.drains.contains(id)) {
        state.watched_agents.insert(id);
    } else {
        state.watched_agents.erase(id);
        state.agents_to_review.erase(id);
    }
}

void review_agents_of(Turn& turn, const Framework& framework) {
    State& state = turn.state;
    for (const AgentId& id : state.watched_agents) {
        const Agent* agent = turn.find_agent(id);
        if (agent != nullptr && agent->used.contains(framework.id)) {
            state.agents_to_review.insert(id);
        }
    }
}

void review_agents(Turn& turn) {
    if (turn.state.agents_to_review.empty()) return;
    const std::set<AgentId> ids = std::exchange(turn.state.agents_to_review, {});
    for (const AgentId& id : ids) {
        if (Agent* agent = turn.find_agent(id)) review_drain(turn, *agent);
    }
    make_inverse_offers(turn, ids);
}

}  // namespace tepui::master
