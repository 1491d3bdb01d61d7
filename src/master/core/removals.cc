#include "master/core/removals.h"

#include "master/core/agent_loss.h"

namespace tepui::master {

namespace {

const TimerKey token_timer{TimerKey::Kind::removal, ""};
constexpr const char* late_message = "agent did not reregister in time";

void mark(Turn& turn, RemovalQueue::Waiting waiting) {
    if (Agent* agent = turn.find_agent(waiting.agent)) {
        begin_unreachable(turn, *agent, std::move(waiting.message));
    } else {
        begin_unreachable_recovered(turn, waiting.agent, std::move(waiting.message));
    }
}

void serve(Turn& turn) {
    State& state = turn.state;
    const auto& rate = state.config.agent_removal_rate_limit;
    while (auto waiting = state.removals.take(turn.now.instant, rate)) {
        mark(turn, std::move(*waiting));
    }
    if (state.removals.empty()) {
        state.timers.cancel(token_timer);
    } else {
        state.timers.set(token_timer, state.removals.next_token());
    }
}

bool is_known(const State& state, const AgentId& id) {
    if (const auto it = state.agents.find(id); it != state.agents.end()) {
        return !it->second.marking_unreachable && !it->second.removing;
    }
    const auto it = state.recovered_agents.find(id);
    return it != state.recovered_agents.end() && !it->second.marking_unreachable;
}

std::string share_text(double share) { return fmt::format("{:.4g}%", share * 100); }

}  // namespace

void on_agent_returning(Turn& turn, const AgentId& id) {
    cancel_unreachable(turn, id);
    if (!is_known(turn.state, id)) return;
    turn.state.timers.set({TimerKey::Kind::agent_reregister, id.value},
                          turn.now.instant + turn.state.config.agent_ping_timeout);
}

void schedule_unreachable(Turn& turn, const AgentId& id, std::string message) {
    State& state = turn.state;
    if (!is_known(state, id) || state.pending.gone_requests.contains(id)) return;
    if (state.pending.newest_registration.contains(id)) return on_agent_returning(turn, id);
    if (!state.removals.push(id, std::move(message))) return;
    turn.count("slave_unreachable_scheduled");
    serve(turn);
    if (!state.removals.contains(id)) return;
    turn.log(Severity::warning,
             "Agent {} failed; it is marked unreachable when the rate limit lets it, unless it "
             "comes back ({} agents wait)",
             id, state.removals.size());
}

void cancel_unreachable(Turn& turn, const AgentId& id) {
    if (!turn.state.removals.cancel(id)) return;
    turn.count("slave_unreachable_canceled");
    turn.log(Severity::info, "Agent {} is not marked unreachable any more", id);
    serve(turn);
}

void on_removal_due(Turn& turn) { serve(turn); }

void on_recovery_due(Turn& turn) {
    State& state = turn.state;
    std::vector<AgentId> missing;
    for (const auto& [id, agent] : state.recovered_agents) {
        if (agent.marking_unreachable) continue;
        if (state.pending.newest_registration.contains(id)) {
            on_agent_returning(turn, id);
        } else {
            missing.push_back(id);
        }
    }
    if (missing.empty()) return;
    const double limit = state.config.recovery_agent_removal_limit;
    const double share =
        static_cast<double>(missing.size()) / static_cast<double>(state.recovered_at_start);
    if (share > limit) {
        turn.effects.emplace_back(EndMaster{fmt::format(
            "{} of {} agents in the registry ({}) have not come back since this master began, {} "
            "ago; more than {} (--recovery_agent_removal_limit) are not given up. Find out what "
            "keeps them away, or raise the limit and start again",
            missing.size(), state.recovered_at_start, share_text(share),
            format_duration(state.config.agent_reregister_timeout), share_text(limit))});
        return;
    }
    for (const AgentId& id : missing) schedule_unreachable(turn, id, late_message);
}

void on_agent_reregister_due(Turn& turn, const AgentId& id) {
    const Agent* agent = turn.find_agent(id);
    if (agent != nullptr && agent->connected()) return;
    schedule_unreachable(turn, id, late_message);
}

}  // namespace tepui::master
