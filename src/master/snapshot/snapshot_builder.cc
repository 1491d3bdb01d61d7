#include "master/snapshot/snapshot_builder.h"

#include "master/snapshot/maintenance_views.h"

namespace tepui::master {
namespace {

/// How many of the last of `before` are the first of `tasks`: the list grows at its end and is cut
/// at its front. Nothing when the two don't continue each other.
template <typename Tasks>
std::optional<std::size_t> kept_count(const TaskItems& before, const Tasks& tasks) {
    if (before.empty()) return 0;
    for (std::size_t count = tasks.size(); count > 0; --count) {
        if (tasks[count - 1] != before.back()->info) continue;
        if (count > before.size() || before[before.size() - count]->info != tasks.front())
            return std::nullopt;
        return count;
    }
    return 0;
}

/// Items of `tasks`, taken from `before` where they are the same.
template <typename Tasks>
std::shared_ptr<const TaskItems> refresh(const std::shared_ptr<const TaskItems>& before,
                                         const Tasks& tasks) {
    const std::size_t kept = before ? kept_count(*before, tasks).value_or(0) : 0;
    if (before && kept == tasks.size() && kept == before->size()) return before;
    auto items = std::make_shared<TaskItems>();
    items->reserve(tasks.size());
    if (kept > 0) items->assign(before->end() - static_cast<std::ptrdiff_t>(kept), before->end());
    for (std::size_t i = kept; i < tasks.size(); ++i)
        items->push_back(std::make_shared<const TaskItem>(tasks[i]));
    return items;
}

std::shared_ptr<const FrameworkItem> make_framework(const Framework& framework,
                                                    const FrameworkItem* before) {
    auto item = std::make_shared<FrameworkItem>();
    item->info = framework.info;
    item->active = framework.active();
    item->connected = framework.connected();
    item->recovered = framework.phase == Framework::Phase::recovered;
    item->registered_at = framework.registered_at;
    item->reregistered_at = framework.reregistered_at;
    item->offer_constraints =
        std::make_shared<const mesos::v1::scheduler::OfferConstraints>(framework.offer_constraints);
    item->completed_tasks =
        refresh(before ? before->completed_tasks : nullptr, framework.completed_tasks);
    return item;
}

std::shared_ptr<const FrameworkItem> make_completed(const CompletedFramework& framework) {
    auto item = std::make_shared<FrameworkItem>();
    item->info = framework.info;
    item->registered_at = framework.registered_at;
    item->reregistered_at = framework.reregistered_at;
    item->unregistered_at = framework.completed_at;
    item->offer_constraints = std::make_shared<const mesos::v1::scheduler::OfferConstraints>();
    item->completed_tasks = refresh(nullptr, framework.completed_tasks);
    item->unreachable_tasks = refresh(nullptr, framework.unreachable_tasks);
    return item;
}

template <typename Map>
void erase_of_framework(Map& map, const FrameworkId& id) {
    using Key = std::decay_t<decltype(std::declval<typename Map::Entry>().first)>;
    std::vector<Key> keys;
    map.for_each_from(Key{id, {}}, [&](const Key& key, const auto&) {
        if (key.first != id) return false;
        keys.push_back(key);
        return true;
    });
    for (const Key& key : keys) map.erase(key);
}

}  // namespace

SnapshotBuilder::SnapshotBuilder(std::shared_ptr<const MasterFacts> facts) {
    working_.facts = std::move(facts);
    working_.completed_frameworks =
        std::make_shared<const std::vector<std::shared_ptr<const FrameworkItem>>>();
    working_.weights = std::make_shared<const std::map<std::string, double>>();
    working_.quotas = std::make_shared<const Quotas>();
    working_.priorities = std::make_shared<const std::map<std::string, std::int32_t>>();
    working_.maintenance = std::make_shared<const MaintenanceView>();
}

void SnapshotBuilder::apply(const State& state, const Changes& changes) {
    working_.version = state.version;
    if (changes.everything || !fresh_) {
        rebuild(state);
        fresh_ = true;
        changed_ = true;
        return;
    }
    if (changes.empty()) return;
    changed_ = true;
    for (const FrameworkId& id : changes.frameworks) set_framework(state, id);
    for (const AgentId& id : changes.agents) set_agent(state, id);
    for (const TaskKey& key : changes.tasks) set_task(state, key);
    // Some of them may have become completed ones.
    const FrameworkId* last = nullptr;
    for (const TaskKey& key : changes.tasks) {
        if (last == nullptr || *last != key.first) set_completed_tasks(state, key.first);
        last = &key.first;
    }
    for (const OfferId& id : changes.offers) set_offer(state, id);
    if (changes.completed_frameworks) set_completed_frameworks(state);
    if (changes.weights) set_weights(state);
    if (changes.quotas) set_quotas(state);
    if (changes.priorities) set_priorities(state);
    if (changes.maintenance) set_maintenance(state);
}

std::shared_ptr<const Snapshot> SnapshotBuilder::publish() {
    if (published_ && !changed_) return published_;
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->version = working_.version;
    snapshot->facts = working_.facts;
    snapshot->weights = working_.weights;
    snapshot->quotas = working_.quotas;
    snapshot->priorities = working_.priorities;
    snapshot->maintenance = working_.maintenance;
    snapshot->agents = working_.agents.share();
    snapshot->recovered_agents = working_.recovered_agents.share();
    snapshot->unreachable_agents = working_.unreachable_agents.share();
    snapshot->gone_agents = working_.gone_agents.share();
    snapshot->frameworks = working_.frameworks.share();
    snapshot->tasks = working_.tasks.share();
    snapshot->unreachable_tasks = working_.unreachable_tasks.share();
    snapshot->offers = working_.offers.share();
    snapshot->completed_frameworks = working_.completed_frameworks;
    published_ = std::move(snapshot);
    changed_ = false;
    return published_;
}

void SnapshotBuilder::rebuild(const State& state) {
    working_.agents.clear();
    working_.recovered_agents.clear();
    working_.unreachable_agents.clear();
    working_.gone_agents.clear();
    working_.frameworks.clear();
    working_.tasks.clear();
    working_.unreachable_tasks.clear();
    working_.offers.clear();
    offer_owners_.clear();
    for (const auto& [id, agent] : state.agents) set_agent(state, id);
    for (const auto& [id, agent] : state.recovered_agents) set_agent(state, id);
    for (const auto& [id, agent] : state.unreachable_agents) set_agent(state, id);
    for (const auto& [id, since] : state.gone_agents) set_agent(state, id);
    for (const auto& [id, framework] : state.frameworks) {
        set_framework(state, id);
        for (const auto& [task_id, task] : framework.tasks)
            working_.tasks.set({id, task_id}, std::make_shared<const TaskItem>(task.info));
        for (const auto& [task_id, task] : framework.unreachable_tasks)
            working_.unreachable_tasks.set({id, task_id}, std::make_shared<const TaskItem>(task));
    }
    for (const auto& [id, offer] : state.offers) set_offer(state, id);
    set_completed_frameworks(state);
    set_weights(state);
    set_quotas(state);
    set_priorities(state);
    set_maintenance(state);
}

void SnapshotBuilder::set_maintenance(const State& state) {
    working_.maintenance = std::make_shared<const MaintenanceView>(maintenance_view(state));
}

void SnapshotBuilder::set_weights(const State& state) {
    working_.weights = std::make_shared<const std::map<std::string, double>>(state.weights);
}

void SnapshotBuilder::set_quotas(const State& state) {
    working_.quotas = std::make_shared<const Quotas>(state.quotas);
}

void SnapshotBuilder::set_priorities(const State& state) {
    working_.priorities =
        std::make_shared<const std::map<std::string, std::int32_t>>(state.priorities);
}

void SnapshotBuilder::set_framework(const State& state, const FrameworkId& id) {
    const auto it = state.frameworks.find(id);
    if (it == state.frameworks.end()) {
        remove_framework(id);
        return;
    }
    const auto* before = working_.frameworks.find(id);
    working_.frameworks.set(id, make_framework(it->second, before ? before->get() : nullptr));
}

void SnapshotBuilder::remove_framework(const FrameworkId& id) {
    working_.frameworks.erase(id);
    erase_of_framework(working_.tasks, id);
    erase_of_framework(working_.unreachable_tasks, id);
    erase_of_framework(working_.offers, id);
}

void SnapshotBuilder::set_agent(const State& state, const AgentId& id) {
    if (const auto it = state.agents.find(id); it != state.agents.end()) {
        const auto draining = state.drains.find(id);
        const auto* drain = draining == state.drains.end() ? nullptr : &draining->second;
        working_.agents.set(id, std::make_shared<const AgentItem>(it->second, drain));
    } else {
        working_.agents.erase(id);
    }
    if (const auto it = state.recovered_agents.find(id); it != state.recovered_agents.end()) {
        working_.recovered_agents.set(id,
                                      std::make_shared<const RecoveredAgentItem>(it->second.info));
    } else {
        working_.recovered_agents.erase(id);
    }
    if (const auto it = state.unreachable_agents.find(id); it != state.unreachable_agents.end()) {
        working_.unreachable_agents.set(id, it->second.since);
    } else {
        working_.unreachable_agents.erase(id);
    }
    if (const auto it = state.gone_agents.find(id); it != state.gone_agents.end()) {
        working_.gone_agents.set(id, it->second);
    } else {
        working_.gone_agents.erase(id);
    }
}

void SnapshotBuilder::set_task(const State& state, const TaskKey& key) {
    const auto framework = state.frameworks.find(key.first);
    if (framework == state.frameworks.end()) {
        working_.tasks.erase(key);
        working_.unreachable_tasks.erase(key);
        return;
    }
    const auto& tasks = framework->second.tasks;
    if (const auto it = tasks.find(key.second); it != tasks.end()) {
        working_.tasks.set(key, std::make_shared<const TaskItem>(it->second.info));
    } else {
        working_.tasks.erase(key);
    }
    const auto& unreachable = framework->second.unreachable_tasks;
    if (const auto it = unreachable.find(key.second); it != unreachable.end()) {
        working_.unreachable_tasks.set(key, std::make_shared<const TaskItem>(it->second));
    } else {
        working_.unreachable_tasks.erase(key);
    }
}

void SnapshotBuilder::set_completed_tasks(const State& state, const FrameworkId& id) {
    const auto framework = state.frameworks.find(id);
    const auto* item = working_.frameworks.find(id);
    if (framework == state.frameworks.end() || item == nullptr) return;
    auto completed = refresh((*item)->completed_tasks, framework->second.completed_tasks);
    if (completed == (*item)->completed_tasks) return;
    auto changed = std::make_shared<FrameworkItem>(**item);
    changed->completed_tasks = std::move(completed);
    working_.frameworks.set(id, std::move(changed));
}

void SnapshotBuilder::set_offer(const State& state, const OfferId& id) {
    const auto it = state.offers.find(id);
    if (it != state.offers.end()) {
        working_.offers.set({it->second.framework, id},
                            std::make_shared<const OfferItem>(it->second.info));
        offer_owners_.insert_or_assign(id, it->second.framework);
        return;
    }
    const auto owner = offer_owners_.find(id);
    if (owner == offer_owners_.end()) return;
    working_.offers.erase({owner->second, id});
    offer_owners_.erase(owner);
}

void SnapshotBuilder::set_completed_frameworks(const State& state) {
    std::map<const mesos::v1::FrameworkInfo*, std::shared_ptr<const FrameworkItem>> known;
    for (const auto& item : *working_.completed_frameworks) known.emplace(item->info.get(), item);
    auto items = std::make_shared<std::vector<std::shared_ptr<const FrameworkItem>>>();
    for (const auto& framework : state.completed_frameworks) {
        const auto it = known.find(framework->info.get());
        items->push_back(it != known.end() ? it->second : make_completed(*framework));
    }
    working_.completed_frameworks = std::move(items);
}

}  // namespace tepui::master
