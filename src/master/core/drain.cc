#include "master/core/drain.h"

#include <algorithm>

#include "master/core/agent_review.h"
#include "master/core/deactivation.h"
#include "master/core/gone.h"
#include "master/core/machines.h"

namespace tepui::master {

namespace {

using mesos::v1::DrainInfo;

void answer(Turn& turn, RequestToken request, Result<void> result) {
    turn.effects.emplace_back(AnswerRequest{request, std::move(result)});
}

// Whether it is in the maintenance schedule. Of an agent that is away only the hostname is known.
bool is_scheduled(const State& state, const AgentId& id) {
    if (const auto it = state.agents.find(id); it != state.agents.end()) {
        return it->second.unavailability != nullptr;
    }
    if (const auto it = state.recovered_agents.find(id); it != state.recovered_agents.end()) {
        return find_machine(state.machines, it->second.info->hostname(), "") != nullptr;
    }
    const auto it = state.unreachable_agents.find(id);
    return it != state.unreachable_agents.end() &&
           find_machine(state.machines, it->second.info->hostname(), "") != nullptr;
}

bool can_drain(const State& state, const AgentId& id) {
    const auto it = state.agents.find(id);  // Those that are away tell it when they are back.
    return it == state.agents.end() ||
           std::ranges::find(it->second.capabilities, "AGENT_DRAINING") !=
               it->second.capabilities.end();
}

Result<void> check(const State& state, const DrainRequested& requested) {
    TEPUI_CHECK_OK(check_settled(state, requested.agent));
    if (requested.config.max_grace_period().nanoseconds() < 0) {
        return fail(Errc::invalid_argument, "The max_grace_period of a drain is not negative");
    }
    if (!can_drain(state, requested.agent)) {
        return fail(Errc::invalid_argument,
                    "Agent {} can't drain: it lacks the capability AGENT_DRAINING",
                    requested.agent);
    }
    if (is_scheduled(state, requested.agent)) {
        return fail(Errc::invalid_argument,
                    "Agent {} is on a machine of the maintenance schedule; take the machine out of "
                    "the schedule, or take it down with START_MAINTENANCE instead",
                    requested.agent);
    }
    return {};
}

Result<void> check(const State& state, const DrainCancelRequested& requested) {
    TEPUI_CHECK_OK(check_settled(state, requested.agent));
    const DrainInfo* drain = recorded_drain(state, requested.agent);
    if (drain == nullptr) {
        return fail(Errc::conflict, "Agent {} is not draining", requested.agent);
    }
    if (drain->state() != mesos::v1::DRAINING) {
        return fail(Errc::conflict, "Agent {} is drained already; REACTIVATE_AGENT puts it in use",
                    requested.agent);
    }
    return {};
}

void tell(Turn& turn, Agent& agent, const DrainInfo& drain) {
    if (!agent.connected()) return;
    link::ToAgent frame;
    *frame.mutable_drain_agent()->mutable_config() = drain.config();
    turn.send(agent, std::move(frame));
    agent.drain_told_at = turn.now.wall;
    turn.changed(agent.id);
}

void store(Turn& turn, std::optional<RequestToken> request, const AgentId& id, DrainInfo drain) {
    begin_wish(turn.state, id, /*deactivated=*/true, drain);
    turn.persist({{agent_key(id), encode_known_agent(turn.state, id)}},
                 DrainStored{request, id, std::move(drain)});
}

}  // namespace

void on_requested(Turn& turn, const DrainRequested& requested) {
    if (auto allowed = check(turn.state, requested); !allowed) {
        return answer(turn, requested.request, std::move(allowed));
    }
    turn.log(Severity::info, "Draining agent {}, as an operator wishes", requested.agent);
    DrainInfo drain;
    drain.set_state(mesos::v1::DRAINING);
    *drain.mutable_config() = requested.config;
    drain.mutable_config()->set_mark_gone(requested.config.mark_gone());  // Shown in any case.
    store(turn, requested.request, requested.agent, std::move(drain));
}

void on_requested(Turn& turn, const DrainCancelRequested& requested) {
    const AgentId& id = requested.agent;
    if (auto allowed = check(turn.state, requested); !allowed) {
        return answer(turn, requested.request, std::move(allowed));
    }
    turn.log(Severity::info, "Agent {} is not to be drained any more, as an operator wishes", id);
    begin_wish(turn.state, id, /*deactivated=*/false, std::nullopt);
    turn.persist({{agent_key(id), encode_known_agent(turn.state, id)}},
                 DeactivationStored{requested.request, id, false});
}

void on_drain_stored(Turn& turn, const DrainStored& stored) {
    State& state = turn.state;
    if (auto known = end_wish(turn, stored.agent); !known) {
        if (stored.request) answer(turn, *stored.request, std::move(known));
        return;
    }
    state.drains.insert_or_assign(stored.agent, stored.drain);
    set_deactivated(turn, stored.agent, true);
    update_watch(state, stored.agent);
    if (stored.drain.state() == mesos::v1::DRAINED) {
        turn.log(Severity::info, "Agent {} is drained", stored.agent);
    } else if (Agent* agent = turn.find_agent(stored.agent)) {
        tell(turn, *agent, stored.drain);
    }
    turn.changed(stored.agent);
    if (stored.request) answer(turn, *stored.request, {});
}

void repeat_drain(Turn& turn, Agent& agent) {
    const auto it = turn.state.drains.find(agent.id);
    if (it == turn.state.drains.end()) return;
    const bool done = it->second.state() == mesos::v1::DRAINED && agent.tasks.empty();
    if (!done) tell(turn, agent, it->second);
}

void review_drain(Turn& turn, Agent& agent) {
    const State& state = turn.state;
    const auto it = state.drains.find(agent.id);
    if (it == state.drains.end() || it->second.state() != mesos::v1::DRAINING) return;
    // With a newer wish under way, or the agent just changing, it is looked at when that is over.
    if (state.pending.deactivations.contains(agent.id) || !check_settled(state, agent.id)) return;
    if (!agent.connected() || !agent.tasks.empty() || !agent.operations.empty()) return;
    if (it->second.config().mark_gone()) return begin_gone(turn, agent.id, std::nullopt);
    DrainInfo drain = it->second;
    drain.set_state(mesos::v1::DRAINED);
    store(turn, std::nullopt, agent.id, std::move(drain));
}

}  // namespace tepui::master
