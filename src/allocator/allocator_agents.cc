// Agents, and who holds what on them.
#include <algorithm>

#include "allocator/allocator_impl.h"
#include "resources/entry.h"

namespace tepui::allocator {

namespace {

bool is_elsewhere(const std::optional<mesos::v1::DomainInfo>& master,
                  const mesos::v1::AgentInfo& agent) {
    if (!master || !master->has_fault_domain() || !agent.domain().has_fault_domain()) return false;
    return master->fault_domain().region().name() != agent.domain().fault_domain().region().name();
}

/// What of an agent's info decides who may have it: constraints and the whitelist ask for no more,
/// and there are many agents.
mesos::v1::AgentInfo decisive_part(const mesos::v1::AgentInfo& info) {
    mesos::v1::AgentInfo part;
    part.set_hostname(info.hostname());
    *part.mutable_attributes() = info.attributes();
    if (info.has_domain()) *part.mutable_domain() = info.domain();
    return part;
}

bool any_shared(const Resources& resources) {
    return std::any_of(resources.entries().begin(), resources.entries().end(),
                       [](const Resources::Entry& entry) { return entry.shared; });
}

/// As the agent counts it: without shared copies and roles.
Resources bare(const Resources& resources) {
    return any_shared(resources) ? resources.nonshared().unallocated() : resources.unallocated();
}

/// Calls `use(role, part)` for each allocation role; without copies in the usual case of one.
template <typename Use>
void each_role(const Resources& resources, Use use) {
    const auto& entries = resources.entries();
    if (entries.empty()) return;
    const auto& first = entries.front().allocation_role;
    const bool uniform =
        std::all_of(entries.begin(), entries.end(),
                    [&](const Resources::Entry& entry) { return entry.allocation_role == first; });
    if (uniform) return use(first, resources);
    for (const auto& [role, part] : resources.by_allocation_role()) use(role, part);
}

}  // namespace

Allocator::Impl::Agent* Allocator::Impl::find_agent(const AgentId& id) {
    const auto it = agent_handles_.find(id);
    return it == agent_handles_.end() ? nullptr : agents_[it->second].get();
}

void Allocator::Impl::set_total(Agent& agent, const Resources& total) {
    book_.reserve(total, 1);
    book_.reserve(agent.total, -1);
    capacity_.shrink(capacity_.amounts_of(agent.total));
    capacity_.grow(capacity_.amounts_of(total));
    shares_are_stale_ = true;
    agent.total = total.unallocated();
    agent.shared = agent.total.shared();
    mark_stale(agent);
    agent.required = static_cast<std::uint8_t>(
        (options_.filter_gpu_resources && total.scalar("gpus").milli > 0 ? has_gpu : 0) |
        (is_elsewhere(options_.master_domain, agent.info) ? has_region : 0));
}

void Allocator::Impl::add_agent(AgentOffering offering,
                                const std::map<FrameworkId, Resources>& used) {
    remove_agent(offering.agent);
    if (unused_agents_.empty()) {
        unused_agents_.push_back(static_cast<AgentHandle>(agents_.size()));
        agents_.emplace_back();
    }
    const auto handle = unused_agents_.back();
    unused_agents_.pop_back();
    agent_handles_.emplace(offering.agent, handle);
    agents_[handle] = std::make_unique<Agent>();
    auto& agent = *agents_[handle];
    agent.id = std::move(offering.agent);
    agent.handle = handle;
    agent.serial = next_serial_++;
    agent.info = decisive_part(offering.info);
    agent.unlisted = whitelist_ && !whitelist_->contains(agent.info.hostname());
    agent.active = !agent.unlisted;
    set_total(agent, offering.total);
    for (const auto& [framework, resources] : used) {
        if (resources.empty()) continue;
        const auto holder = framework_of(framework);
        charge(agent, holder, resources);
        drop_unused(holder);
    }
    mark_dirty(agent);
}

void Allocator::Impl::update_agent(const AgentId& id, const Resources& total) {
    auto* agent = find_agent(id);
    if (!agent) return;
    set_total(*agent, total);
    mark_dirty(*agent);
}

void Allocator::Impl::remove_agent(const AgentId& id) {
    const auto it = agent_handles_.find(id);
    if (it == agent_handles_.end()) return;
    auto& agent = *agents_[it->second];
    for (const auto& [framework, resources] : agent.used) {
        discharge_clients(framework, resources);
        --frameworks_[framework].agents;
        drop_unused(framework);
    }
    set_giving(agent, false);
    if (agent.held_back) std::erase(held_back_, agent.handle);
    book_.add_available(agent.counted, -1);
    book_.reserve(agent.total, -1);
    capacity_.shrink(capacity_.amounts_of(agent.total));
    shares_are_stale_ = true;
    refusal_count_ -= agent.refusals.size();
    for (ClientHandle client = 0; client < clients_.size(); ++client) {
        if (clients_[client].refusals > 0) {
            clients_[client].refusals -= static_cast<std::uint32_t>(agent.refusals.forget(client));
        }
    }
    agents_[it->second].reset();
    unused_agents_.push_back(it->second);
    agent_handles_.erase(it);
}

void Allocator::Impl::update_agent_info(const AgentId& id, const mesos::v1::AgentInfo& info) {
    auto* agent = find_agent(id);
    if (!agent) return;
    agent->info = decisive_part(info);
    agent->judged.clear();
    agent->unwanted.clear();
    agent->unlisted = whitelist_ && !whitelist_->contains(info.hostname());
    set_total(*agent, Resources(agent->total));
    mark_dirty(*agent);
    sync_activity(*agent);
}

void Allocator::Impl::set_agent_active(const AgentId& id, bool active) {
    auto* agent = find_agent(id);
    if (!agent) return;
    agent->deactivated = !active;
    sync_activity(*agent);
}

void Allocator::Impl::set_whitelist(std::optional<std::set<std::string>> hostnames) {
    whitelist_ = std::move(hostnames);
    for (auto& agent : agents_) {
        if (!agent) continue;
        agent->unlisted = whitelist_ && !whitelist_->contains(agent->info.hostname());
        sync_activity(*agent);
    }
}

void Allocator::Impl::sync_activity(Agent& agent) {
    const bool active = !agent.deactivated && !agent.unlisted;
    if (agent.active == active) return;
    agent.active = active;
    if (active) {
        mark_dirty(agent);
        return;
    }
    mark_stale(agent);
    set_giving(agent, false);
    agent.dirty = false;  // Activation marks it again.
    agent.pending.clear();
}

void Allocator::Impl::mark_dirty(Agent& agent) {
    mark_stale(agent);
    queue(agent);
}

void Allocator::Impl::mark_stale(Agent& agent) {
    agent.free_is_stale = true;
    if (!book_.has_guarantees() || agent.to_recount) return;
    agent.to_recount = true;
    recounts_.push_back(agent.handle);
}

void Allocator::Impl::queue(Agent& agent) {
    if (!agent.active || agent.dirty) return;  // Activation marks it.
    agent.dirty = true;
    dirty_agents_.push_back(agent.handle);
}

void Allocator::Impl::refresh_free(Agent& agent) {
    if (!agent.free_is_stale) return;
    agent.free = agent.shared.empty() ? agent.total : agent.total.nonshared();
    agent.free -= agent.allocated;
    agent.free_is_stale = false;
}

void Allocator::Impl::recount(Agent& agent) {
    refresh_free(agent);
    agent.to_recount = false;
    book_.add_available(agent.counted, -1);
    agent.counted = agent.active ? capacity_.unreserved_of(agent.free) : Amounts{};
    book_.add_available(agent.counted, 1);
}

bool Allocator::Impl::is_unwanted(Agent& agent, ClientHandle client) {
    if (!is_set(agent.judged, client)) {
        set_bit(agent.judged, client, true);
        set_bit(agent.unwanted, client, !wishes_.at(client).allow(agent.info));
    }
    return is_set(agent.unwanted, client);
}

void Allocator::Impl::set_giving(Agent& agent, bool giving) {
    if ((agent.giving_place != npos) == giving) return;
    if (giving) {
        agent.giving_place = giving_.size();
        giving_.push_back(agent.handle);
        return;
    }
    giving_[agent.giving_place] = giving_.back();
    agents_[giving_.back()]->giving_place = agent.giving_place;
    giving_.pop_back();
    agent.giving_place = npos;
}

// --- Accounts ---

void Allocator::Impl::charge(Agent& agent, FrameworkHandle framework, const Resources& resources) {
    mark_stale(agent);
    each_role(resources, [&](const std::string& role, const Resources& part) {
        const auto client = role_of(framework, role).client;
        book_.consume(*clients_[client].account, capacity_.unreserved_of(part), 1);
    });
    charge_granted(agent, framework, resources);
}

void Allocator::Impl::charge_granted(Agent& agent, FrameworkHandle framework,
                                     const Resources& resources) {
    agent.allocated += bare(resources);
    const auto used = std::find_if(agent.used.begin(), agent.used.end(),
                                   [&](const auto& other) { return other.first == framework; });
    if (used == agent.used.end()) {
        agent.used.emplace_back(framework, resources);
        ++frameworks_[framework].agents;
    } else {
        used->second += resources;
    }
    each_role(resources, [&](const std::string& role, const Resources& part) {
        tree_.charge(role_of(framework, role).client, capacity_.amounts_of(part));
    });
}

Resources Allocator::Impl::discharge(Agent& agent, FrameworkHandle framework,
                                     const Resources& resources) {
    const auto used = std::find_if(agent.used.begin(), agent.used.end(),
                                   [&](const auto& other) { return other.first == framework; });
    if (used == agent.used.end()) return {};
    Resources removed =
        used->second.contains(resources) ? resources : used->second - (used->second - resources);
    used->second -= removed;
    if (used->second.empty()) {
        agent.used.erase(used);
        --frameworks_[framework].agents;
    }
    agent.allocated -= bare(removed);
    discharge_clients(framework, removed);
    mark_stale(agent);
    return removed;
}

void Allocator::Impl::discharge_clients(FrameworkHandle handle, const Resources& resources) {
    auto& framework = frameworks_[handle];
    each_role(resources, [&](const std::string& name, const Resources& part) {
        const auto role = framework.roles.find(name);
        // A role is only dropped when no scalar is charged to it.
        if (role == framework.roles.end()) return;
        const auto client = role->second.client;
        tree_.discharge(client, capacity_.amounts_of(part));
        book_.consume(*clients_[client].account, capacity_.unreserved_of(part), -1);
    });
}

void Allocator::Impl::recover(const FrameworkId& framework, const AgentId& agent_id,
                              const Resources& resources, std::optional<Duration> refusal,
                              Instant now) {
    auto* agent = find_agent(agent_id);
    if (!agent || !find_framework(framework) || resources.empty()) return;
    const auto handle = framework_of(framework);
    if (!discharge(*agent, handle, resources).empty()) mark_dirty(*agent);
    if (refusal) {
        const auto deadline = now + std::max(*refusal, options_.filter_min);
        refuse(agent->handle, handle, resources, deadline);
    }
    drop_unused(handle);
}

void Allocator::Impl::refuse(AgentHandle agent, FrameworkHandle handle, const Resources& resources,
                             Instant deadline) {
    auto& framework = frameworks_[handle];
    each_role(resources, [&](const std::string& name, const Resources& part) {
        const auto role = framework.roles.find(name);
        if (role == framework.roles.end() || !role->second.subscribed) return;
        const auto client = role->second.client;
        const auto added = agents_[agent]->refusals.add(client, part.unallocated(), deadline);
        if (added.is_new) {
            ++clients_[client].refusals;
            ++refusal_count_;
        }
        deadlines_.push({added.deadline, agent, client, added.group});
    });
    // Long refusals that were revoked must not pile up.
    constexpr std::size_t slack = 1024;
    if (deadlines_.size() > 2 * refusal_count_ + slack) {
        deadlines_.retain([&](const Deadlines::Entry& entry) {
            const auto& other = agents_[entry.agent];
            return other && other->refusals.is_live(entry.client, entry.group, entry.deadline);
        });
    }
}

void Allocator::Impl::track(const FrameworkId& framework, const AgentId& agent_id,
                            const Resources& resources) {
    auto* agent = find_agent(agent_id);
    if (!agent || resources.empty()) return;
    const auto handle = framework_of(framework);
    charge(*agent, handle, resources);
    drop_unused(handle);
}

}  // namespace tepui::allocator
