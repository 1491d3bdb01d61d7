#include "sim/preemption_oracle.h"

#include <fmt/format.h>

#include "master/core/preemption_view.h"
#include "master/core/priorities.h"
#include "master/core/quota_config.h"
#include "resources/entry.h"

namespace tepui::sim {

namespace {

std::string role_of(const master::Task& task) {
    const auto& entries = task.resources->entries();
    return entries.empty() ? "" : master::top_level_role(entries.front().allocation_role);
}

/// What ends on an agent that is away, or not to be offered, helps nobody.
bool could_be_offered(const master::State& state, const std::string& top, const AgentId& agent) {
    for (const auto& [id, framework] : state.frameworks) {
        for (const std::string& role : framework.roles) {
            if (master::top_level_role(role) == top && state.allocator->may_offer(id, role, agent))
                return true;
        }
    }
    return false;
}

}  // namespace

void PreemptionOracle::begin() {
    known_.clear();
    displaced_by_.clear();
    bands_.clear();
}

void PreemptionOracle::sent(const master::State& state, const link::ToAgent& frame) {
    if (!frame.has_kill_task() || !frame.kill_task().has_displaced()) return;
    const TaskKey task{FrameworkId{frame.kill_task().framework_id().value()},
                       TaskId{frame.kill_task().task_id().value()}};
    truth_.displaced(task);
    ++kills_;
    const auto framework = state.frameworks.find(task.first);
    if (framework == state.frameworks.end() || !framework->second.tasks.contains(task.second)) {
        truth_.breach(fmt::format("{} is displaced though it is not there", task.second));
    }
}

void PreemptionOracle::check_bands(const master::State& state, const std::string& displacer,
                                   const std::string& victim, const TaskId& task) {
    if (band_of(state, victim) >= band_of(state, displacer)) {
        truth_.breach(fmt::format("{} of role {} (band {}) is displaced by role {} (band {})", task,
                                  victim, band_of(state, victim), displacer,
                                  band_of(state, displacer)));
    }
    displaced_by_.emplace(victim, displacer);
    if (displaced_by_.contains({displacer, victim}))
        truth_.breach(fmt::format("roles {} and {} displace each other", victim, displacer));
}

/// What a role's killed work frees without this one must not be all that it lacks; it may be more
/// where an offer has to have a certain size, for which its agent is kept. Pods may have ended in
/// part, so that what they still free is not known here.
void PreemptionOracle::check_need(const master::State& state, const master::WorkKey& key,
                                  const master::Displacement& its) {
    if (state.kept_agents.contains(key.agent)) return;
    const auto quota = state.quotas.find(its.role);
    if (quota == state.quotas.end() || quota->second.guarantees.empty()) return;
    const Quantities consumed = state.allocator->quota_consumed(its.role);
    bool needed = false;
    for (const auto& [name, guarantee] : quota->second.guarantees) {
        const auto has = consumed.find(name);
        Quantity lack = guarantee - (has == consumed.end() ? Quantity{} : has->second);
        for (const auto& [other, others] : state.displaced) {
            const auto part = others.frees.find(name);
            if (other != key && !other.pod && others.killed && others.role == its.role &&
                part != others.frees.end() && could_be_offered(state, its.role, other.agent))
                lack -= part->second;
        }
        needed |= lack > Quantity{} && its.frees.contains(name);
    }
    if (!needed) truth_.breach(fmt::format("{} is displaced for nothing", key.id));
}

void PreemptionOracle::check(const master::State& state) {
    if (state.priorities != bands_) {
        bands_ = state.priorities;
        displaced_by_.clear();
    }
    for (const auto& [key, its] : state.displaced) {
        // A pod that got new tasks since may be asked for again.
        if (!its.killed && !key.pod && known_.contains(key) &&
            !master::tasks_of(state, key).empty())
            truth_.breach(fmt::format("{} is to be displaced twice", key.id));
        if (!its.killed || !known_.insert(key).second) continue;
        if (state.priorities.empty())
            truth_.breach(fmt::format("{} is displaced though no role has a band", key.id));
        for (const master::Task* task : master::tasks_of(state, key)) {
            check_bands(state, its.role, role_of(*task), TaskId{task->info->task_id().value()});
        }
        check_need(state, key, its);
    }
}

}  // namespace tepui::sim
