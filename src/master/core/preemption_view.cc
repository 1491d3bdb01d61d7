#include "master/core/preemption_view.h"

#include <algorithm>
#include <utility>

#include "master/core/executors.h"
#include "master/core/offer_wishes.h"
#include "master/core/priorities.h"
#include "master/core/quota_config.h"
#include "resources/entry.h"
#include "resources/quantities.h"

namespace tepui::master {

namespace {

std::int32_t lowest_band(const State& state) {
    std::int32_t lowest = 0;
    for (const auto& [role, band] : state.priorities) lowest = std::min(lowest, band);
    return lowest;
}

/// Of what is guaranteed to other roles and not yet theirs.
Quantities lacked_by_others(const State& state, const std::string& role) {
    Quantities sum;
    for (const auto& [other, quota] : state.quotas) {
        if (other == role) continue;
        add(sum, lacking(quota.guarantees, state.allocator->quota_consumed(other)));
    }
    return sum;
}

bool holds_offer(const State& state, const Want& want) {
    return std::ranges::any_of(want.framework->offers, [&](const OfferId& id) {
        return state.offers.at(id).role == want.role;
    });
}

/// What the wants say of how large an offer must be, as far as the role may have it.
std::vector<Quantities> sets_of(const State& state, const Need& need, const Quantities& consumed) {
    Quantities limits;
    if (const auto quota = state.quotas.find(need.role); quota != state.quotas.end()) {
        limits = quota->second.limits;
    }
    const Quantities kept =
        need.guarantee.empty() ? lacked_by_others(state, need.role) : Quantities{};
    const auto allowed = [&](const Quantities& set) {
        return std::ranges::all_of(set, [&](const auto& entry) {
            const auto limit = limits.find(entry.first);
            return !kept.contains(entry.first) &&
                   (limit == limits.end() ||
                    amount_of(consumed, entry.first) + entry.second <= limit->second);
        });
    };
    std::vector<Quantities> sets;
    for (const Want& want : need.wants) {
        if (want.sets.empty() || holds_offer(state, want)) continue;
        std::ranges::copy_if(want.sets, std::back_inserter(sets), allowed);
    }
    return sets;
}

/// What of `resources` counts for the need. What is reserved for a role counts for its guarantee
/// whether it is free or not.
Resources helpful(const Need& need, const Resources& resources) {
    Resources rest = resources.nonrevocable().nonshared().unallocated();
    return need.sets.empty() ? rest.unreserved() : rest.offerable_to(need.role);
}

struct Work {
    Resources resources;
    std::size_t tasks = 0;
    std::int64_t started = INT64_MAX;
    bool ending = false;
};

std::int64_t started_at(const TaskRecord& task) {
    if (!task.has_statuses()) return INT64_MAX;  // Nothing was heard of it: it is new.
    return static_cast<std::int64_t>(task.first_timestamp() * 1e9);
}

const Executor* pod_of(const Agent& agent, const FrameworkId& framework, const Task& task) {
    if (!task.info.has_executor_id()) return nullptr;
    const Executor* executor = find_executor(agent, framework, ExecutorId{task.info.executor_id()});
    const bool is_pod =
        executor != nullptr && executor->info->type() == mesos::v1::ExecutorInfo::DEFAULT;
    return is_pod ? executor : nullptr;
}

std::map<WorkKey, Work> works_on(const State& state, const Agent& agent) {
    std::map<WorkKey, Work> works;
    for (const TaskKey& key : agent.tasks) {
        const Task& task = state.frameworks.at(key.first).tasks.at(key.second);
        if (!task.charged) continue;
        const Executor* pod = pod_of(agent, key.first, task);
        std::string id = pod ? pod->info->executor_id().value() : key.second.value;
        Work& work = works[{agent.id, key.first, std::move(id), pod != nullptr}];
        if (pod && work.tasks == 0) work.resources += pod->resources;
        work.resources += *task.resources;
        ++work.tasks;
        work.started = std::min(work.started, started_at(task.info));
        work.ending |=
            task.info.state() == mesos::v1::TASK_KILLING || agent.pending_kills.contains(key);
    }
    return works;
}

std::string role_of(const Resources& resources) {
    const auto& entries = resources.entries();
    return entries.empty() ? std::string() : top_level_role(entries.front().allocation_role);
}

double share_of(const Agent& agent, const Resources& resources) {
    const Quantities total = agent.total.scalars();
    double share = 0;
    for (const auto& [name, quantity] : resources.scalars()) {
        const Quantity all = amount_of(total, name);
        if (all > Quantity{}) share = std::max(share, quantity.to_double() / all.to_double());
    }
    return share;
}

/// Collects what is on one agent.
class Collector {
public:
    Collector(const State& state, const Need& need, Among among, Now now, Scene& scene)
        : state_(state), need_(need), among_(among), now_(now), scene_(scene) {}

    void look_at(const Agent& agent) {
        wants_.clear();
        for (const Want& want : need_.wants) {
            if (state_.allocator->may_offer(want.framework->id, want.role, agent.id)) {
                wants_.push_back(&want);
            }
        }
        if (wants_.empty()) return;
        number_ = scene_.agents.size();
        scene_.agents.push_back(&agent);
        free_ = agent.total.nonshared();
        for (const auto& [id, resources] : agent.offered) free_ -= resources.unallocated();
        for (const auto& [id, resources] : agent.used) free_ -= resources.unallocated();
        scene_.free[number_] = helpful(need_, free_).scalars();
        add(scene_.free_sum, scene_.free[number_]);
        if (among_ == Among::others) look_at_offers(agent);
        for (const auto& [key, work] : works_on(state_, agent)) look_at(agent, key, work);
    }

private:
    bool is_below(const std::string& top) const {
        return !top.empty() && band_of(state_, top) < need_.band;
    }

    /// Somebody would be offered it: nothing that was declined is in the way.
    bool is_welcome(const Agent& agent, const Resources& resources) const {
        const Resources offer = helpful(need_, free_ + resources.unallocated());
        return std::ranges::any_of(wants_, [&](const Want* want) {
            return !state_.allocator->has_declined(want->framework->id, want->role, agent.id,
                                                   offer);
        });
    }

    void look_at_offers(const Agent& agent) {
        for (const OfferId& id : agent.offers) {
            const Offer& offer = state_.offers.at(id);
            if (!is_below(top_level_role(offer.role))) continue;
            add_candidate(agent, {.offer = id, .work = {}, .resources = offer.resources},
                          {.tasks = 0, .frees = {}});
        }
    }

    void look_at(const Agent& agent, const WorkKey& key, const Work& work) {
        const auto displaced = state_.displaced.find(key);
        if (displaced != state_.displaced.end()) {
            const Displacement& its = displaced->second;
            if (its.role != need_.role) return;
            const bool is_due = !its.killed && its.due <= now_.instant;
            if (among_ == Among::others || its.killed) return comes(work);
            if (!is_due) return;
        } else if (among_ == Among::due) {
            return;
        }
        if (!is_below(role_of(work.resources))) return;
        if (work.ending) return comes(work);
        add_candidate(agent, {.offer = {}, .work = key, .resources = work.resources},
                      {.tasks = work.tasks,
                       .keeps_data = !work.resources.persistent_volumes().empty(),
                       .started = work.started,
                       .frees = {}});
    }

    void comes(const Work& work) {
        const Quantities part = helpful(need_, work.resources).scalars();
        add(scene_.coming, part);
        add(scene_.free[number_], part);
    }

    void add_candidate(const Agent& agent, Scene::Subject subject, Candidate candidate) {
        candidate.frees = helpful(need_, subject.resources).scalars();
        if (candidate.frees.empty() || !is_welcome(agent, subject.resources)) return;
        candidate.agent = number_;
        candidate.band = band_of(state_, role_of(subject.resources));
        candidate.share = share_of(agent, subject.resources);
        scene_.candidates.push_back(std::move(candidate));
        scene_.subjects.push_back(std::move(subject));
    }

    const State& state_;
    const Need& need_;
    const Among among_;
    const Now now_;
    Scene& scene_;
    std::vector<const Want*> wants_;
    std::size_t number_ = 0;
    Resources free_;
};

}  // namespace

std::map<std::string, std::vector<Want>> wants_of(const State& state) {
    std::map<std::string, std::vector<Want>> wants;
    const std::int32_t lowest = lowest_band(state);
    for (const auto& [id, framework] : state.frameworks) {
        if (!framework.active()) continue;
        std::map<std::string, std::vector<Quantities>> filters;
        // They were judged when it subscribed.
        if (auto parsed = parse_offer_filters(*framework.info)) filters = std::move(*parsed);
        for (const std::string& role : framework.roles) {
            const std::string top = top_level_role(role);
            if (framework.suppressed_roles.contains(role) || band_of(state, top) <= lowest) {
                continue;
            }
            wants[top].push_back({&framework, role, std::move(filters[role])});
        }
    }
    return wants;
}

std::optional<Need> need_of(const State& state, const std::string& role, std::vector<Want> wants) {
    Need need{.role = role,
              .band = band_of(state, role),
              .wants = std::move(wants),
              .guarantee = {},
              .lack = {},
              .sets = {}};
    if (const auto quota = state.quotas.find(role); quota != state.quotas.end()) {
        need.guarantee = quota->second.guarantees;
    }
    const Quantities consumed = state.allocator->quota_consumed(role);
    need.lack = lacking(need.guarantee, consumed);
    if (!need.guarantee.empty() && need.lack.empty()) return std::nullopt;
    const bool any_offer_will_do =
        std::ranges::any_of(need.wants, [](const Want& want) { return want.sets.empty(); });
    if (!need.lack.empty() && any_offer_will_do) return need;
    need.sets = sets_of(state, need, consumed);
    if (need.sets.empty()) return std::nullopt;
    return need;
}

Quantities used_by(const State& state, const std::string& role, const std::vector<Want>& wants) {
    Quantities used = state.allocator->quota_consumed(role);
    for (const Want& want : wants) {
        for (const OfferId& id : want.framework->offers) {
            const Offer& offer = state.offers.at(id);
            if (offer.role != want.role) continue;
            const Quantities part = offer.resources.unreserved().nonrevocable().scalars();
            for (const auto& [name, quantity] : part) used[name] -= quantity;
        }
    }
    return used;
}

std::string explain(const Need& need) {
    std::string why = fmt::format("Displaced by role '{}' (band {}), which", need.role, need.band);
    if (!need.guarantee.empty()) {
        why += fmt::format(" is guaranteed {} and lacked {}", to_text(need.guarantee),
                           to_text(need.lack));
    }
    if (need.sets.empty()) return why;
    std::string wanted;
    for (const Quantities& set : need.sets) {
        if (!wanted.empty()) wanted += " or ";
        wanted += to_text(set);
    }
    return why + (need.guarantee.empty() ? "" : ", and") + " waited for an offer of " + wanted;
}

Scene scene_of(const State& state, const Need& need, Among among, Now now) {
    Scene scene;
    Collector collector(state, need, among, now, scene);
    for (const auto& [id, agent] : state.agents) {
        if (agent.active() && !agent.removing) collector.look_at(agent);
    }
    return scene;
}

std::vector<const Task*> tasks_of(const State& state, const WorkKey& key) {
    std::vector<const Task*> tasks;
    const auto agent = state.agents.find(key.agent);
    const auto framework = state.frameworks.find(key.framework);
    if (agent == state.agents.end() || framework == state.frameworks.end()) return tasks;
    if (!key.pod) {
        const auto it = framework->second.tasks.find(TaskId{key.id});
        const bool there = it != framework->second.tasks.end() && it->second.charged &&
                           it->second.agent == key.agent;
        if (there) tasks.push_back(&it->second);
        return tasks;
    }
    for (auto it = agent->second.tasks.lower_bound({key.framework, TaskId{}});
         it != agent->second.tasks.end() && it->first == key.framework; ++it) {
        const Task& task = framework->second.tasks.at(it->second);
        if (task.charged && task.info.executor_id() == key.id) tasks.push_back(&task);
    }
    return tasks;
}

}  // namespace tepui::master
