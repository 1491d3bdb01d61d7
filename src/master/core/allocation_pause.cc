#include "master/core/allocation_pause.h"

#include <algorithm>

namespace tepui::master {

namespace {

std::size_t awaited_agents(const State& state) {
    return static_cast<std::size_t>(static_cast<double>(state.recovered_at_start) *
                                    state.config.allocator_agent_recovery_factor);
}

bool has_quota(const State& state) {
    return std::ranges::any_of(state.quotas, [](const auto& entry) {
        return !entry.second.guarantees.empty() || !entry.second.limits.empty();
    });
}

}  // namespace

void begin_allocation_pause(Turn& turn) {
    State& state = turn.state;
    if (!has_quota(state) || awaited_agents(state) == 0) return;
    state.allocation_paused = true;
    state.allocator->pause();
    state.timers.set({TimerKey::Kind::allocation, ""},
                     turn.now.instant + state.config.allocator_recovery_timeout);
}

void consider_resuming(Turn& turn) {
    if (!turn.state.allocation_paused) return;
    if (turn.state.agents.size() >= awaited_agents(turn.state)) resume_allocation(turn);
}

void resume_allocation(Turn& turn) {
    State& state = turn.state;
    if (!state.allocation_paused) return;
    state.allocation_paused = false;
    state.timers.cancel({TimerKey::Kind::allocation, ""});
    state.allocator->resume();
    turn.log(Severity::info, "{} of {} agents in the registry are back: resources are offered",
             state.agents.size(), state.recovered_at_start);
}

}  // namespace tepui::master
