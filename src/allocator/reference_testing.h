#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "allocator/allocator.h"

namespace tepui::allocator {

/// The role and those above it, itself first.
std::vector<std::string> with_ancestors(const std::string& role);

/// The same rules as Allocator, written to be read: every round looks at every agent and every
/// client, and shares are summed anew each time. Tests compare the two.
class ReferenceAllocator {
public:
    explicit ReferenceAllocator(Options options) : options_(std::move(options)) {}

    void add_framework(const Client& client, bool active);
    void update_framework(const Client& client);
    void set_framework_active(const FrameworkId& framework, bool active);
    void remove_framework(const FrameworkId& framework);
    void add_agent(const AgentOffering& agent, const std::map<FrameworkId, Resources>& used);
    void update_agent(const AgentId& agent, const Resources& total);
    void remove_agent(const AgentId& agent);
    void set_agent_active(const AgentId& agent, bool active);
    void recover(const FrameworkId& framework, const AgentId& agent, const Resources& resources,
                 std::optional<Duration> refuse, Instant now);
    void track(const FrameworkId& framework, const AgentId& agent, const Resources& resources);
    void revive(const FrameworkId& framework, const std::set<std::string>& roles);
    void suppress(const FrameworkId& framework, const std::set<std::string>& roles);
    void set_weight(const std::string& role, double weight) { weights_[role] = weight; }
    void set_band(const std::string& role, std::int32_t band) { bands_[role] = band; }
    void keep_for(const AgentId& agent, const std::string& role) {
        if (const auto it = agents_.find(agent); it != agents_.end()) it->second.kept_for = role;
    }
    void update_agent_info(const AgentId& agent, const mesos::v1::AgentInfo& info);
    void set_quota(const std::string& role, const Quota& quota) { quotas_[role] = quota; }
    void remove_quota(const std::string& role) { quotas_.erase(role); }
    Quantities quota_consumed(const std::string& role) const;
    void set_whitelist(std::optional<std::set<std::string>> hostnames) {
        whitelist_ = std::move(hostnames);
    }
    void pause() { paused_ = true; }
    void resume() { paused_ = false; }
    std::vector<Allocation> allocate(Instant now);

private:
    /// A framework in a role.
    using Pair = std::pair<std::string, FrameworkId>;
    struct Framework {
        Client client;
        bool active = false;
    };
    struct Agent {
        AgentOffering offering;
        std::uint64_t serial = 0;
        bool active = true;
        std::string kept_for;  // The only role that gets something here; empty: all.
        std::map<FrameworkId, Resources> used;
        Resources offered_shared;  // In this round.
    };
    struct Filter {
        Pair pair;
        AgentId agent;
        Resources refused;
        Instant deadline;
    };

    void charge(Agent& agent, const FrameworkId& framework, const Resources& resources);
    void drop_filters(const FrameworkId& framework, const std::set<std::string>* roles);
    void forget_unused();
    bool may_be_offered(const Pair& pair) const;
    std::map<Pair, Quantities> held() const;
    Quantities capacity() const;
    struct Holdings {
        std::map<Pair, Quantities> pairs;
        Quantities capacity;
    };
    double share(const Quantities& held, const Quantities& capacity) const;
    std::vector<Pair> order(const Agent& agent) const;
    void order_below(const std::string& role, const Holdings& held, std::uint64_t draw,
                     std::vector<Pair>& order) const;
    Resources offer_for(const Pair& pair, const Agent& agent, const Resources& remaining) const;
    bool is_allocatable(const Pair& pair, const Resources& resources) const;
    bool gets_offers(const Agent& agent) const;
    static Resources free(const Agent& agent);
    Quantities unsatisfied(const std::string& top) const;
    /// Of unreserved scalars: free on all agents that get offers, less what guarantees lack.
    Quantities headroom_caps(const std::string& top) const;
    void visit(Agent& agent, bool guarantees, std::vector<Allocation>& allocations);

    Options options_;
    std::map<FrameworkId, Framework> frameworks_;
    std::map<AgentId, Agent> agents_;
    std::vector<Filter> filters_;
    std::map<std::string, double> weights_;
    std::map<std::string, std::int32_t> bands_;
    std::map<std::string, Quota> quotas_;
    std::optional<std::set<std::string>> whitelist_;
    bool paused_ = false;
    std::map<Pair, std::uint64_t> pair_allocations_;
    std::map<std::string, std::uint64_t> own_allocations_;      // By the role's own clients.
    std::map<std::string, std::uint64_t> subtree_allocations_;  // And those of roles below.
    std::uint64_t next_serial_ = 0;
    std::uint64_t round_ = 0;
};

}  // namespace tepui::allocator
