#include "master/core/preemption.h"

#include <algorithm>
#include <set>
#include <utility>

#include "master/core/calls.h"
#include "master/core/inverse_offers.h"
#include "master/core/offers.h"
#include "master/core/preemption_view.h"
#include "resources/quantities.h"

namespace tepui::master {

namespace {

constexpr Duration interval_min = std::chrono::seconds{1};
// A role that declines what was taken for it waits twice as long each time, up to 32 times.
constexpr std::uint32_t doublings_max = 5;

const TimerKey timer{TimerKey::Kind::preemption, ""};

void judge_at(State& state, Instant due) {
    state.preemption_due = due;
    state.timers.set(timer, due);
}

Duration patience(const State& state, const Starvation& starvation) {
    const Duration after = std::max(state.config.preemption_after, interval_min);
    return after * (1 << std::min(starvation.rounds, doublings_max));
}

/// Ends those of the inverse offers that are about nothing any more.
void settle_asked(Turn& turn, const std::set<OfferId>& asked) {
    std::set<OfferId> needed;
    for (const auto& [key, displacement] : turn.state.displaced) {
        if (displacement.asked && !displacement.killed) needed.insert(*displacement.asked);
    }
    for (const OfferId& id : asked) {
        if (!needed.contains(id)) withdraw_inverse_offer(turn, id);
    }
}

/// Takes out what `is_over(key, displacement)`.
template <typename Predicate>
void forget_displaced(Turn& turn, Predicate is_over) {
    std::set<OfferId> asked;
    std::erase_if(turn.state.displaced, [&](const auto& entry) {
        const auto& [key, displacement] = entry;
        if (!is_over(key, displacement)) return false;
        if (displacement.asked) asked.insert(*displacement.asked);
        return true;
    });
    settle_asked(turn, asked);
}

/// It is not needed any more; what was killed ends all the same.
void withdraw(Turn& turn, const std::string& role) {
    forget_displaced(turn, [&](const WorkKey& key, const Displacement& displacement) {
        if (displacement.role != role || displacement.killed) return false;
        turn.count("preemptions/withdrawn");
        turn.log(Severity::info, "Framework {} need not give back '{}' on agent {} for role '{}'",
                 key.framework, key.id, key.agent, role);
        return true;
    });
}

void kill(Turn& turn, const WorkKey& key, const std::string& why) {
    const Framework& framework = turn.state.frameworks.at(key.framework);
    for (const Task* task : tasks_of(turn.state, key)) {
        turn.log(Severity::info, "Killing task {} of framework {} on agent {}: {}",
                 task->info.task_id(), key.framework, key.agent, why);
        turn.count("preemptions/tasks");
        kill_displaced(turn, framework, *task, why);
    }
}

/// What would do, of what the scene has.
std::optional<Victims> choose(const Need& need, const Scene& scene) {
    if (!need.sets.empty()) return choose_on_one_agent(need.sets, scene.free, scene.candidates);
    const Quantities lack = lacking(lacking(need.lack, scene.free_sum), scene.coming);
    return choose_victims(lack, scene.candidates);
}

/// The notice of some is over: as many as are still needed end, the others are let off.
void settle_due(Turn& turn, const Need& need) {
    State& state = turn.state;
    const bool any_due = std::ranges::any_of(state.displaced, [&](const auto& entry) {
        const Displacement& its = entry.second;
        return its.role == need.role && !its.killed && its.due <= turn.now.instant;
    });
    if (!any_due) return;
    const Scene scene = scene_of(state, need, Among::due, turn.now);
    const std::string why = explain(need);
    std::set<OfferId> asked;
    for (const std::size_t place : choose(need, scene).value_or(Victims{})) {
        const WorkKey& key = scene.subjects[place].work;
        Displacement& its = state.displaced.at(key);
        its.killed = true;
        if (its.asked) asked.insert(*its.asked);
        kill(turn, key, why);
    }
    settle_asked(turn, asked);
    forget_displaced(turn, [&](const WorkKey&, const Displacement& its) {
        if (its.role != need.role || its.killed || its.due > turn.now.instant) return false;
        turn.count("preemptions/withdrawn");
        return true;
    });
}

/// One inverse offer for each agent and framework. Returns those that could be asked.
std::map<std::pair<AgentId, FrameworkId>, OfferId> ask(
    Turn& turn, const Need& need,
    const std::map<std::pair<AgentId, FrameworkId>, Resources>& wanted) {
    std::map<std::pair<AgentId, FrameworkId>, OfferId> asked;
    const WallTime until{turn.now.wall.since_epoch + turn.state.config.preemption_notice};
    for (const auto& [whom, resources] : wanted) {
        Framework& framework = *turn.find_framework(whom.second);
        if (!framework.connected()) continue;
        Agent& agent = *turn.find_agent(whom.first);
        asked.emplace(whom, ask_back(turn, framework, agent, resources, until));
        turn.count("preemptions/asked");
        turn.log(Severity::info,
                 "Role '{}' (band {}) starves: framework {} is asked to give back {} on agent {}",
                 need.role, need.band, framework.id, resources.to_string(), agent.id);
    }
    return asked;
}

/// Takes back offers and asks for the rest. Returns whether anything could be had.
bool take(Turn& turn, const Need& need) {
    State& state = turn.state;
    const bool waits = std::ranges::any_of(
        state.displaced, [&](const auto& entry) { return entry.second.role == need.role; });
    // An offer of a certain size comes from one agent at a time.
    if (waits && !need.sets.empty()) return false;
    const Scene scene = scene_of(state, need, Among::others, turn.now);
    const std::optional<Victims> victims = choose(need, scene);
    if (!victims || victims->empty()) return false;
    std::map<std::pair<AgentId, FrameworkId>, Resources> wanted;
    for (const std::size_t place : *victims) {
        const Scene::Subject& subject = scene.subjects[place];
        if (subject.offer) {
            turn.count("preemptions/offers_rescinded");
            remove_offer(turn, *subject.offer, /*rescind=*/true);
        } else {
            wanted[{subject.work.agent, subject.work.framework}] += subject.resources;
        }
    }
    const auto asked = ask(turn, need, wanted);
    const Instant due =
        turn.now.instant + (asked.empty() ? Duration{} : state.config.preemption_notice);
    for (const std::size_t place : *victims) {
        const WorkKey& work = scene.subjects[place].work;
        if (scene.subjects[place].offer) continue;
        Displacement displacement{
            .role = need.role, .frees = scene.candidates[place].frees, .due = due, .asked = {}};
        const auto offer = asked.find({work.agent, work.framework});
        if (offer != asked.end()) displacement.asked = offer->second;
        state.displaced.emplace(work, std::move(displacement));
    }
    return true;
}

/// On an agent where parts of one large offer are to come together, others get nothing meanwhile.
void keep_agents(State& state, const Need& need) {
    if (need.sets.empty()) return;
    for (const auto& [key, its] : state.displaced) {
        if (its.role != need.role) continue;
        state.kept_agents.insert_or_assign(key.agent, its.role);
        state.allocator->keep_for(key.agent, its.role);
    }
}

void release_agents(State& state) {
    std::erase_if(state.kept_agents, [&](const auto& kept) {
        const bool needed = std::ranges::any_of(state.displaced, [&](const auto& entry) {
            return entry.first.agent == kept.first && entry.second.role == kept.second;
        });
        if (!needed) state.allocator->keep_for(kept.first, "");
        return !needed;
    });
}

void serve(Turn& turn, const Need& need, Starvation& starvation) {
    if (!starvation.since) starvation.since = turn.now.instant;
    settle_due(turn, need);
    if (turn.now.instant < *starvation.since + patience(turn.state, starvation)) return;
    starvation.since = turn.now.instant;
    if (!take(turn, need)) return;
    ++starvation.rounds;
    starvation.used = used_by(turn.state, need.role, need.wants);
    keep_agents(turn.state, need);
    settle_due(turn, need);  // At once when nobody could be asked.
}

bool has_grown(const Quantities& used, const Quantities& since) {
    return std::ranges::any_of(
        used, [&](const auto& entry) { return entry.second > amount_of(since, entry.first); });
}

/// Those that lack something, the highest band first; notes the others as having enough.
std::vector<Need> collect_needs(Turn& turn) {
    State& state = turn.state;
    auto wants = wants_of(state);
    std::erase_if(state.starving, [&](const auto& entry) { return !wants.contains(entry.first); });
    std::vector<Need> needs;
    for (auto& [role, its] : wants) {
        const auto known = state.starving.find(role);
        const bool grown = known != state.starving.end() && known->second.rounds > 0 &&
                           has_grown(used_by(state, role, its), known->second.used);
        if (grown) known->second.rounds = 0;
        if (auto need = need_of(state, role, std::move(its))) {
            needs.push_back(std::move(*need));
        } else if (known != state.starving.end()) {
            known->second.since.reset();
        }
    }
    std::ranges::sort(needs, {}, [](const Need& need) {
        return std::pair(-std::int64_t{need.band}, std::string_view(need.role));
    });
    return needs;
}

void set_timer(State& state, Instant now) {
    Instant next = Instant::max();
    for (const auto& [key, displacement] : state.displaced) {
        if (!displacement.killed) next = std::min(next, displacement.due);
    }
    for (const auto& [role, starvation] : state.starving) {
        if (starvation.since)
            next = std::min(next, *starvation.since + patience(state, starvation));
    }
    if (next != Instant::max()) judge_at(state, std::max(next, now + interval_min));
}

/// With agents still to come back nobody knows yet who has what.
bool is_settled(const State& state) {
    return state.recovered_agents.empty() && !state.allocation_paused;
}

}  // namespace

void consider_preemption(Turn& turn) {
    State& state = turn.state;
    if (state.priorities.empty() && state.starving.empty() && state.displaced.empty()) return;
    const Instant soon = turn.now.instant + interval_min;
    if (turn.touched && soon < state.preemption_due) judge_at(state, soon);
}

void judge_preemption(Turn& turn) {
    State& state = turn.state;
    state.preemption_due = Instant::max();
    forget_displaced(turn, [&](const WorkKey& key, const Displacement&) {
        return tasks_of(state, key).empty();
    });
    if (!is_settled(state)) return;
    const std::vector<Need> needs = collect_needs(turn);
    std::set<std::string> enough;
    for (const auto& [key, displacement] : state.displaced) enough.insert(displacement.role);
    for (const Need& need : needs) enough.erase(need.role);
    for (const std::string& role : enough) withdraw(turn, role);
    for (const Need& need : needs) serve(turn, need, state.starving[need.role]);
    release_agents(state);
    set_timer(state, turn.now.instant);
}

}  // namespace tepui::master
