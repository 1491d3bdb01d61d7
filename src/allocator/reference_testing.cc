#include "allocator/reference_testing.h"

#include <algorithm>

#include "resources/quantities.h"

namespace tepui::allocator {

std::vector<std::string> with_ancestors(const std::string& role) {
    std::vector<std::string> roles{role};
    for (auto slash = role.rfind('/'); slash != std::string::npos;
         slash = roles.back().rfind('/')) {
        roles.push_back(roles.back().substr(0, slash));
    }
    return roles;
}

void ReferenceAllocator::add_framework(const Client& client, bool active) {
    frameworks_[client.framework].active = active;
    update_framework(client);
}

void ReferenceAllocator::update_framework(const Client& client) {
    const auto it = frameworks_.find(client.framework);
    if (it == frameworks_.end()) return;
    it->second.client = client;
    std::erase_if(filters_, [&](const Filter& filter) {
        return filter.pair.second == client.framework && !client.roles.contains(filter.pair.first);
    });
    forget_unused();
}

void ReferenceAllocator::set_framework_active(const FrameworkId& framework, bool active) {
    const auto it = frameworks_.find(framework);
    if (it == frameworks_.end()) return;
    it->second.active = active;
    if (!active) drop_filters(framework, nullptr);
}

void ReferenceAllocator::remove_framework(const FrameworkId& framework) {
    frameworks_.erase(framework);
    drop_filters(framework, nullptr);
    for (auto& [id, agent] : agents_) agent.used.erase(framework);
    forget_unused();
}

void ReferenceAllocator::add_agent(const AgentOffering& offering,
                                   const std::map<FrameworkId, Resources>& used) {
    remove_agent(offering.agent);
    auto& agent = agents_[offering.agent];
    agent.offering = offering;
    agent.serial = next_serial_++;
    for (const auto& [framework, resources] : used) charge(agent, framework, resources);
    forget_unused();
}

void ReferenceAllocator::update_agent(const AgentId& agent, const Resources& total) {
    const auto it = agents_.find(agent);
    if (it != agents_.end()) it->second.offering.total = total;
}

void ReferenceAllocator::remove_agent(const AgentId& agent) {
    agents_.erase(agent);
    std::erase_if(filters_, [&](const Filter& filter) { return filter.agent == agent; });
    forget_unused();
}

void ReferenceAllocator::set_agent_active(const AgentId& agent, bool active) {
    const auto it = agents_.find(agent);
    if (it != agents_.end()) it->second.active = active;
}

void ReferenceAllocator::charge(Agent& agent, const FrameworkId& framework,
                                const Resources& resources) {
    agent.used[framework] += resources;
    for (const auto& [role, part] : resources.by_allocation_role()) {
        ++pair_allocations_[{role, framework}];
        ++own_allocations_[role];
        for (const auto& above : with_ancestors(role)) ++subtree_allocations_[above];
    }
}

void ReferenceAllocator::recover(const FrameworkId& framework, const AgentId& agent_id,
                                 const Resources& resources, std::optional<Duration> refuse,
                                 Instant now) {
    const auto agent = agents_.find(agent_id);
    if (agent == agents_.end()) return;
    if (agent->second.used.contains(framework)) agent->second.used[framework] -= resources;
    const auto it = frameworks_.find(framework);
    if (refuse && it != frameworks_.end()) {
        for (const auto& [role, part] : resources.by_allocation_role()) {
            if (!it->second.client.roles.contains(role)) continue;
            filters_.push_back({{role, framework},
                                agent_id,
                                part.unallocated(),
                                now + std::max(*refuse, options_.filter_min)});
        }
    }
    forget_unused();
}

void ReferenceAllocator::track(const FrameworkId& framework, const AgentId& agent,
                               const Resources& resources) {
    const auto it = agents_.find(agent);
    if (it != agents_.end()) charge(it->second, framework, resources);
    forget_unused();
}

void ReferenceAllocator::drop_filters(const FrameworkId& framework,
                                      const std::set<std::string>* roles) {
    std::erase_if(filters_, [&](const Filter& filter) {
        return filter.pair.second == framework && (!roles || roles->contains(filter.pair.first));
    });
}

void ReferenceAllocator::revive(const FrameworkId& framework, const std::set<std::string>& roles) {
    const auto it = frameworks_.find(framework);
    if (it == frameworks_.end()) return;
    drop_filters(framework, roles.empty() ? nullptr : &roles);
    auto& suppressed = it->second.client.suppressed_roles;
    std::erase_if(suppressed,
                  [&](const auto& role) { return roles.empty() || roles.contains(role); });
}

void ReferenceAllocator::suppress(const FrameworkId& framework,
                                  const std::set<std::string>& roles) {
    const auto it = frameworks_.find(framework);
    if (it == frameworks_.end()) return;
    auto& client = it->second.client;
    for (const auto& role : client.roles) {
        if (roles.empty() || roles.contains(role)) client.suppressed_roles.insert(role);
    }
}

std::map<ReferenceAllocator::Pair, Quantities> ReferenceAllocator::held() const {
    std::map<Pair, Quantities> held;
    for (const auto& [id, framework] : frameworks_) {
        for (const auto& role : framework.client.roles) held[{role, id}];
    }
    for (const auto& [agent_id, agent] : agents_) {
        for (const auto& [framework, resources] : agent.used) {
            for (const auto& [role, part] : resources.nonshared().by_allocation_role()) {
                const auto scalars = part.scalars();
                if (!scalars.empty()) add(held[{role, framework}], scalars);
            }
        }
    }
    return held;
}

/// How often a client or role was served counts as long as it is there: subscribed or holding.
void ReferenceAllocator::forget_unused() {
    std::set<std::string> roles;
    const auto present = held();
    for (const auto& [pair, quantities] : present) {
        for (const auto& role : with_ancestors(pair.first)) roles.insert(role);
    }
    std::erase_if(pair_allocations_,
                  [&](const auto& item) { return !present.contains(item.first); });
    std::erase_if(own_allocations_, [&](const auto& item) { return !roles.contains(item.first); });
    std::erase_if(subtree_allocations_,
                  [&](const auto& item) { return !roles.contains(item.first); });
}

void ReferenceAllocator::update_agent_info(const AgentId& agent, const mesos::v1::AgentInfo& info) {
    const auto it = agents_.find(agent);
    if (it != agents_.end()) it->second.offering.info = info;
}

}  // namespace tepui::allocator
