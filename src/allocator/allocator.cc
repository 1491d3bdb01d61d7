#include "allocator/allocator.h"

#include <algorithm>
#include <cmath>

#include "allocator/allocator_impl.h"
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

}  // namespace

Allocator::Impl::Impl(Options options)
    : options_(std::move(options)),
      capacity_(options_.fair_sharing_excluded),
      tree_(capacity_, options_.role_sorter == Sorter::random,
            options_.framework_sorter == Sorter::random),
      book_(capacity_, options_.min_allocatable) {}

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
    clients_[client].account = &book_.attach(name, client);
    clients_[client].top = &QuotaBook::top_of(*clients_[client].account);
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
        set_wishes(role.client, name, {});
    }
    for (const auto& name : client.roles) {
        auto& role = role_of(handle, name);
        role.subscribed = true;
        role.suppressed = client.suppressed_roles.contains(name);
        set_wishes(role.client, name, client);
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
        discharge(*agent, handle, Resources(used->second));
        mark_dirty(*agent);
    }
    for (const auto& [name, role] : framework.roles) drop_client(role.client);
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

/// What the role asks for; marks it when that changes.
void Allocator::Impl::set_wishes(ClientHandle client, const std::string& role, const Client& of) {
    auto& state = clients_[client];
    const auto wish = of.constraints.find(role);
    const auto known = wishes_.find(client);
    const bool same_wish = wish == of.constraints.end()
                               ? known == wishes_.end()
                               : known != wishes_.end() && known->second == wish->second;
    const auto minimum = of.min_allocatable.find(role);
    const auto own = minimums_.find(client);
    const bool same_minimum = minimum == of.min_allocatable.end()
                                  ? own == minimums_.end()
                                  : own != minimums_.end() && own->second == minimum->second;
    if (same_wish && same_minimum) return;
    if (!same_wish) {
        forget_judgements(client);
        wishes_.erase(client);
        if (wish != of.constraints.end()) wishes_.emplace(client, wish->second);
        state.is_picky = wish != of.constraints.end();
    }
    if (!same_minimum) {
        minimums_.erase(client);
        if (minimum != of.min_allocatable.end()) minimums_[client] = minimum->second;
        state.has_minimum = minimum != of.min_allocatable.end();
        // What nobody wanted before, somebody may want now.
        for (auto& agent : agents_) {
            if (state.has_minimum && minimums_.size() == 1 && agent) queue(*agent);
        }
    }
    mark_dirty(client);
}

void Allocator::Impl::forget_judgements(ClientHandle client) {
    if (!clients_[client].is_picky) return;
    for (auto& agent : agents_) {
        if (agent && is_set(agent->judged, client)) set_bit(agent->judged, client, false);
    }
}

void Allocator::Impl::drop_client(ClientHandle client) {
    forget_refusals(client);
    set_wishes(client, "", {});
    tree_.remove(client);
    book_.detach(*clients_[client].account, client);
    clients_[client] = ClientState{};
}

void Allocator::Impl::drop_unused(FrameworkHandle handle) {
    auto& framework = frameworks_[handle];
    for (auto it = framework.roles.begin(); it != framework.roles.end();) {
        const auto& role = it->second;
        if (role.subscribed || !tree_.holds_nothing(role.client)) {
            ++it;
            continue;
        }
        drop_client(role.client);
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

void Allocator::Impl::set_band(const std::string& role, std::int32_t band) {
    if (role.find('/') == std::string::npos) tree_.set_band(role, band);
}

void Allocator::Impl::keep_for(const AgentId& id, const std::string& role) {
    auto* agent = find_agent(id);
    if (!agent || agent->kept_for == role) return;
    agent->kept_for = role;
    queue(*agent);
}

bool Allocator::Impl::may_offer(const FrameworkId& framework_id, const std::string& role,
                                const AgentId& agent_id) {
    const auto* framework = find_framework(framework_id);
    auto* agent = find_agent(agent_id);
    if (!framework || !agent || !agent->active) return false;
    const auto it = framework->roles.find(role);
    if (it == framework->roles.end() || !it->second.subscribed) return false;
    const auto& client = clients_[it->second.client];
    return client.active && (client.capabilities & agent->required) == agent->required &&
           !(client.is_picky && is_unwanted(*agent, it->second.client));
}

bool Allocator::Impl::has_declined(const FrameworkId& framework_id, const std::string& role,
                                   const AgentId& agent_id, const Resources& resources) {
    const auto* framework = find_framework(framework_id);
    const auto* agent = find_agent(agent_id);
    if (!framework || !agent) return false;
    const auto it = framework->roles.find(role);
    return it != framework->roles.end() && agent->refusals.blocks(it->second.client, resources);
}

// --- Quotas ---

void Allocator::Impl::set_quota(const std::string& role, const Quota& quota) {
    if (role.find('/') != std::string::npos) return;
    const bool counted = book_.has_guarantees();
    const auto* account = book_.find(role);
    // Whatever it was that kept something from them, it may be gone.
    if (account && (account->withheld || !held_back_.empty())) mark_clients(*account);
    book_.set_quota(role, quota.guarantees, quota.limits);
    if (counted || !book_.has_guarantees()) return;
    for (auto& agent : agents_) {
        if (agent) mark_stale(*agent);
    }
}

void Allocator::Impl::mark_clients(const QuotaBook::Account& top) {
    for (const auto client : top.clients) mark_dirty(client);
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
void Allocator::set_band(const std::string& role, std::int32_t band) {
    impl_->set_band(role, band);
}
void Allocator::keep_for(const AgentId& agent, const std::string& role) {
    impl_->keep_for(agent, role);
}
bool Allocator::may_offer(const FrameworkId& framework, const std::string& role,
                          const AgentId& agent) const {
    return impl_->may_offer(framework, role, agent);
}
bool Allocator::has_declined(const FrameworkId& framework, const std::string& role,
                             const AgentId& agent, const Resources& resources) const {
    return impl_->has_declined(framework, role, agent, resources);
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
