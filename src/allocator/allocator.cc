#include "allocator/allocator.h"

#include <algorithm>
#include <cmath>

#include "allocator/allocator_impl.h"
#include "base/assert.h"
#include "resources/entry.h"

namespace tepui::allocator {

namespace {

std::uint8_t bits_of(const Capabilities& capabilities) {
    return static_cast<std::uint8_t>((capabilities.gpu_resources ? has_gpu : 0) |
                                     (capabilities.region_aware ? has_region : 0) |
                                     (capabilities.revocable_resources ? has_revocable : 0) |
                                     (capabilities.shared_resources ? has_shared : 0) |
                                     (capabilities.reservation_refinement ? has_refinement : 0));
}

bool is_elsewhere(const std::optional<mesos::v1::DomainInfo>& master,
                  const mesos::v1::AgentInfo& agent) {
    if (!master || !master->has_fault_domain() || !agent.domain().has_fault_domain()) return false;
    return master->fault_domain().region().name() != agent.domain().fault_domain().region().name();
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

Allocator::Impl::Impl(Options options)
    : options_(std::move(options)), capacity_(options_.fair_sharing_excluded), tree_(capacity_) {}

// --- Frameworks and clients ---

Allocator::Impl::FrameworkHandle Allocator::Impl::framework_of(const FrameworkId& id) {
    const auto it = framework_handles_.find(id);
    if (it != framework_handles_.end()) return it->second;
    if (unused_frameworks_.empty()) {
        unused_frameworks_.push_back(static_cast<FrameworkHandle>(frameworks_.size()));
        frameworks_.emplace_back();
    }
    const auto handle = unused_frameworks_.back();
    unused_frameworks_.pop_back();
    frameworks_[handle] = Framework{};
    frameworks_[handle].id = id;
    framework_handles_.emplace(id, handle);
    return handle;
}

Allocator::Impl::Framework* Allocator::Impl::find_framework(const FrameworkId& id) {
    const auto it = framework_handles_.find(id);
    return it == framework_handles_.end() ? nullptr : &frameworks_[it->second];
}

Allocator::Impl::Role& Allocator::Impl::role_of(FrameworkHandle handle, const std::string& name) {
    auto& framework = frameworks_[handle];
    const auto [it, is_new] = framework.roles.try_emplace(name);
    if (!is_new) return it->second;
    const auto client = tree_.add(name, framework.id.value);
    if (clients_.size() <= client) clients_.resize(client + 1);
    clients_[client] = ClientState{};
    clients_[client].framework = handle;
    it->second.client = client;
    return it->second;
}

void Allocator::Impl::add_framework(const Client& client, bool active) {
    const auto handle = framework_of(client.framework);
    frameworks_[handle].known = true;
    frameworks_[handle].active = active;
    subscribe(handle, client);
}

void Allocator::Impl::update_framework(const Client& client) {
    const auto* framework = find_framework(client.framework);
    if (!framework || !framework->known) return;
    subscribe(framework_of(client.framework), client);
}

void Allocator::Impl::subscribe(FrameworkHandle handle, const Client& client) {
    auto& framework = frameworks_[handle];
    const auto capabilities = bits_of(client.capabilities);
    const bool changed = framework.capabilities != capabilities;
    framework.capabilities = capabilities;
    for (auto& [name, role] : framework.roles) {
        if (!role.subscribed || client.roles.contains(name)) continue;
        role.subscribed = false;
        forget_refusals(role.client);
    }
    for (const auto& name : client.roles) {
        auto& role = role_of(handle, name);
        role.subscribed = true;
        role.suppressed = client.suppressed_roles.contains(name);
    }
    sync_activity(handle);
    if (changed) {
        for (const auto& [name, role] : framework.roles) mark_dirty(role.client);
    }
    drop_unused(handle);
}

void Allocator::Impl::set_framework_active(const FrameworkId& id, bool active) {
    auto* framework = find_framework(id);
    if (!framework || !framework->known) return;
    framework->active = active;
    // Who comes back starts afresh: it may have lost what it knew when it declined.
    if (!active) {
        for (const auto& [name, role] : framework->roles) forget_refusals(role.client);
    }
    sync_activity(framework_of(id));
}

void Allocator::Impl::remove_framework(const FrameworkId& id) {
    const auto it = framework_handles_.find(id);
    if (it == framework_handles_.end()) return;
    const auto handle = it->second;
    auto& framework = frameworks_[handle];
    for (auto& agent : agents_) {
        if (!agent) continue;
        const auto used = std::find_if(agent->used.begin(), agent->used.end(),
                                       [&](const auto& other) { return other.first == handle; });
        if (used == agent->used.end()) continue;
        agent->allocated -= bare(used->second);
        agent->used.erase(used);
        mark_dirty(*agent);
    }
    for (const auto& [name, role] : framework.roles) {
        forget_refusals(role.client);
        tree_.remove(role.client);
        clients_[role.client] = ClientState{};
    }
    framework_handles_.erase(it);
    frameworks_[handle] = Framework{};
    unused_frameworks_.push_back(handle);
}

void Allocator::Impl::sync_activity(FrameworkHandle handle) {
    auto& framework = frameworks_[handle];
    for (const auto& [name, role] : framework.roles) {
        auto& client = clients_[role.client];
        const bool active =
            framework.known && framework.active && role.subscribed && !role.suppressed;
        client.capabilities = framework.capabilities;
        if (client.active == active) continue;
        client.active = active;
        tree_.set_active(role.client, active);
        if (active) mark_dirty(role.client);
    }
}

void Allocator::Impl::mark_dirty(ClientHandle client) {
    auto& state = clients_[client];
    if (!state.active || state.dirty) return;
    state.dirty = true;
    dirty_clients_.push_back(client);
}

void Allocator::Impl::forget_refusals(ClientHandle client) {
    if (clients_[client].refusals == 0) return;
    for (auto& agent : agents_) {
        if (agent) refusal_count_ -= agent->refusals.forget(client);
    }
    clients_[client].refusals = 0;
}

void Allocator::Impl::drop_unused(FrameworkHandle handle) {
    auto& framework = frameworks_[handle];
    for (auto it = framework.roles.begin(); it != framework.roles.end();) {
        const auto& role = it->second;
        if (role.subscribed || !tree_.holds_nothing(role.client)) {
            ++it;
            continue;
        }
        forget_refusals(role.client);
        tree_.remove(role.client);
        clients_[role.client] = ClientState{};
        it = framework.roles.erase(it);
    }
    if (framework.known || !framework.roles.empty() || framework.agents > 0) return;
    framework_handles_.erase(framework.id);
    framework = Framework{};
    unused_frameworks_.push_back(handle);
}

void Allocator::Impl::revive(const FrameworkId& id, const std::set<std::string>& roles) {
    auto* framework = find_framework(id);
    if (!framework) return;
    for (auto& [name, role] : framework->roles) {
        if (!role.subscribed || !(roles.empty() || roles.contains(name))) continue;
        role.suppressed = false;
        forget_refusals(role.client);
        mark_dirty(role.client);
    }
    sync_activity(framework_of(id));
}

void Allocator::Impl::suppress(const FrameworkId& id, const std::set<std::string>& roles) {
    auto* framework = find_framework(id);
    if (!framework) return;
    for (auto& [name, role] : framework->roles) {
        if (roles.empty() || roles.contains(name)) role.suppressed = true;
    }
    sync_activity(framework_of(id));
}

void Allocator::Impl::set_weight(const std::string& role, double weight) {
    if (!std::isfinite(weight) || weight <= 0) return;
    tree_.set_weight(role, weight);
}

// --- Agents ---

Allocator::Impl::Agent* Allocator::Impl::find_agent(const AgentId& id) {
    const auto it = agent_handles_.find(id);
    return it == agent_handles_.end() ? nullptr : agents_[it->second].get();
}

void Allocator::Impl::set_total(Agent& agent, const Resources& total) {
    capacity_.shrink(capacity_.amounts_of(agent.total));
    capacity_.grow(capacity_.amounts_of(total));
    shares_are_stale_ = true;
    agent.total = total.unallocated();
    agent.shared = agent.total.shared();
    agent.free_is_stale = true;
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
    agent.serial = next_serial_++;
    agent.info = std::move(offering.info);
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

void Allocator::Impl::set_agent_active(const AgentId& id, bool active) {
    auto* agent = find_agent(id);
    if (!agent || agent->active == active) return;
    agent->active = active;
    if (active) {
        mark_dirty(*agent);
        return;
    }
    set_giving(*agent, false);
    agent->dirty = false;  // Activation marks it again.
    agent->pending.clear();
}

void Allocator::Impl::mark_dirty(Agent& agent) {
    agent.free_is_stale = true;
    if (!agent.active || agent.dirty) return;  // Activation marks it.
    agent.dirty = true;
    dirty_agents_.push_back(agent_handles_.find(agent.id)->second);
}

void Allocator::Impl::set_giving(Agent& agent, bool giving) {
    if ((agent.giving_place != npos) == giving) return;
    if (giving) {
        agent.giving_place = giving_.size();
        giving_.push_back(agent_handles_.find(agent.id)->second);
        return;
    }
    giving_[agent.giving_place] = giving_.back();
    agents_[giving_.back()]->giving_place = agent.giving_place;
    giving_.pop_back();
    agent.giving_place = npos;
}

// --- Accounts ---

void Allocator::Impl::charge(Agent& agent, FrameworkHandle framework, const Resources& resources) {
    agent.allocated += bare(resources);
    agent.free_is_stale = true;
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
    return removed;
}

void Allocator::Impl::discharge_clients(FrameworkHandle handle, const Resources& resources) {
    auto& framework = frameworks_[handle];
    each_role(resources, [&](const std::string& name, const Resources& part) {
        const auto role = framework.roles.find(name);
        // A role is only dropped when no scalar is charged to it.
        if (role != framework.roles.end()) {
            tree_.discharge(role->second.client, capacity_.amounts_of(part));
        }
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
        refuse(agent_handles_.find(agent_id)->second, handle, resources, deadline);
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

void Allocator::Impl::update_agent_info(const AgentId& id, const mesos::v1::AgentInfo& info) {
    auto* agent = find_agent(id);
    if (!agent) return;
    agent->info = info;
    set_total(*agent, Resources(agent->total));
    mark_dirty(*agent);
}

void Allocator::Impl::set_quota(const std::string& role, const Quota& quota) {
    quotas_[role] = quota;
}

Quantities Allocator::Impl::quota_consumed(const std::string& role) const {
    Quantities consumed;
    const auto add = [&](const Resources& resources) {
        for (const auto& [name, quantity] : resources.scalars()) consumed[name] += quantity;
    };
    for (const auto& agent : agents_) {
        if (!agent) continue;
        add(agent->total.filter([&](const Resources::Entry& entry) {
            return entry.is_reserved() && role_is_within(entry.reservation_role(), role);
        }));
        for (const auto& [framework, resources] : agent->used) {
            add(resources.filter([&](const Resources::Entry& entry) {
                return !entry.is_reserved() && !entry.revocable &&
                       role_is_within(entry.allocation_role, role);
            }));
        }
    }
    return consumed;
}

void Allocator::Impl::set_whitelist(std::optional<std::set<std::string>> hostnames) {
    whitelist_ = std::move(hostnames);
}

// --- The public face ---

Allocator::Allocator(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Allocator::~Allocator() = default;

void Allocator::add_framework(Client client, bool active) { impl_->add_framework(client, active); }
void Allocator::update_framework(Client client) { impl_->update_framework(client); }
void Allocator::activate_framework(const FrameworkId& framework) {
    impl_->set_framework_active(framework, true);
}
void Allocator::deactivate_framework(const FrameworkId& framework) {
    impl_->set_framework_active(framework, false);
}
void Allocator::remove_framework(const FrameworkId& framework) {
    impl_->remove_framework(framework);
}

void Allocator::add_agent(AgentOffering agent, const std::map<FrameworkId, Resources>& used) {
    impl_->add_agent(std::move(agent), used);
}
void Allocator::update_agent(const AgentId& agent, const Resources& total) {
    impl_->update_agent(agent, total);
}
void Allocator::remove_agent(const AgentId& agent) { impl_->remove_agent(agent); }
void Allocator::activate_agent(const AgentId& agent) { impl_->set_agent_active(agent, true); }
void Allocator::deactivate_agent(const AgentId& agent) { impl_->set_agent_active(agent, false); }

void Allocator::recover(const FrameworkId& framework, const AgentId& agent,
                        const Resources& resources, std::optional<Duration> refuse, Instant now) {
    impl_->recover(framework, agent, resources, refuse, now);
}
void Allocator::track(const FrameworkId& framework, const AgentId& agent,
                      const Resources& resources) {
    impl_->track(framework, agent, resources);
}
void Allocator::revive(const FrameworkId& framework, const std::set<std::string>& roles) {
    impl_->revive(framework, roles);
}
void Allocator::suppress(const FrameworkId& framework, const std::set<std::string>& roles) {
    impl_->suppress(framework, roles);
}
void Allocator::set_weight(const std::string& role, double weight) {
    impl_->set_weight(role, weight);
}
void Allocator::update_agent_info(const AgentId& agent, const mesos::v1::AgentInfo& info) {
    impl_->update_agent_info(agent, info);
}
void Allocator::set_quota(const std::string& role, const Quota& quota) {
    impl_->set_quota(role, quota);
}
void Allocator::remove_quota(const std::string& role) { impl_->set_quota(role, {}); }
Quantities Allocator::quota_consumed(const std::string& role) const {
    return impl_->quota_consumed(role);
}
void Allocator::set_whitelist(std::optional<std::set<std::string>> hostnames) {
    impl_->set_whitelist(std::move(hostnames));
}
void Allocator::pause() { impl_->set_paused(true); }
void Allocator::resume() { impl_->set_paused(false); }
std::vector<Allocation> Allocator::allocate(Instant now) { return impl_->allocate(now); }
bool Allocator::dirty() const { return impl_->dirty(); }
Instant Allocator::next_deadline() const { return impl_->next_deadline(); }

}  // namespace tepui::allocator
