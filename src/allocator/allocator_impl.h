#pragma once

#include <deque>
#include <unordered_map>
#include <utility>

#include "allocator/allocator.h"
#include "allocator/amounts.h"
#include "allocator/quota_book.h"
#include "allocator/refusals.h"
#include "allocator/role_tree.h"

namespace tepui::allocator {

/// The state behind Allocator. Frameworks and quotas are in allocator.cc, agents and accounts in
/// allocator_agents.cc, one round of allocation in allocator_round.cc, the visit of an agent in
/// allocator_visit.cc, explanations in explain.cc.
///
/// Invariant that makes rounds cheap: an agent and a client that are both clean have nothing for
/// each other. So whatever could give a client more on an agent must mark one of them, or the pair:
/// free resources that grow and changed totals mark the agent; a client that becomes active, is
/// revived or wants or understands something else is marked itself; the end of a refusal marks the
/// pair. Quotas: where a limit or the headroom cut an offer, the role or the agent is noted
/// (withheld, held_back), and marked when there is more room, or more headroom.
class Allocator::Impl {
public:
    explicit Impl(Options options);

    void add_framework(const Client& client, bool active);
    void update_framework(const Client& client);
    void set_framework_active(const FrameworkId& id, bool active);
    void remove_framework(const FrameworkId& id);

    void add_agent(AgentOffering offering, const std::map<FrameworkId, Resources>& used);
    void update_agent(const AgentId& id, const Resources& total);
    void remove_agent(const AgentId& id);
    void set_agent_active(const AgentId& id, bool active);

    void recover(const FrameworkId& framework, const AgentId& agent, const Resources& resources,
                 std::optional<Duration> refuse, Instant now);
    void track(const FrameworkId& framework, const AgentId& agent, const Resources& resources);
    void revive(const FrameworkId& id, const std::set<std::string>& roles);
    void suppress(const FrameworkId& id, const std::set<std::string>& roles);
    void set_weight(const std::string& role, double weight);
    void set_band(const std::string& role, std::int32_t band);
    void keep_for(const AgentId& agent, const std::string& role);
    bool may_offer(const FrameworkId& framework, const std::string& role, const AgentId& agent);
    bool has_declined(const FrameworkId& framework, const std::string& role, const AgentId& agent,
                      const Resources& resources);
    void update_agent_info(const AgentId& id, const mesos::v1::AgentInfo& info);
    void set_quota(const std::string& role, const Quota& quota);
    Quantities quota_consumed(const std::string& role) const { return book_.consumed(role); }
    void set_whitelist(std::optional<std::set<std::string>> hostnames);
    void set_paused(bool paused) { paused_ = paused; }

    std::vector<Allocation> allocate(Instant now);
    bool dirty() const;
    // explain.cc
    std::vector<RoleStanding> standing(const std::string& role);
    std::vector<FrameworkId> clients_of(const std::string& role);
    std::map<std::string, std::size_t> active_filters() const;

    Instant next_deadline() const { return paused_ ? Instant::max() : deadlines_.next(); }

private:
    using FrameworkHandle = std::uint32_t;
    using AgentHandle = std::uint32_t;

    struct Role {
        ClientHandle client = 0;
        bool subscribed = false;  // Else only resources of an earlier subscription are left.
        bool suppressed = false;
    };
    struct Framework {
        FrameworkId id;
        std::uint8_t capabilities = 0;
        bool known = false;  // Else only seen as the holder of resources.
        bool active = false;
        std::uint32_t agents = 0;  // Where it holds something.
        std::map<std::string, Role, std::less<>> roles;
    };
    /// What a walk looks at: kept small and dense.
    struct ClientState {
        FrameworkHandle framework = 0;
        std::uint32_t stamp = 0;     // The visit whose agent has it pending.
        std::uint32_t refusals = 0;  // On all agents.
        std::uint8_t capabilities = 0;
        bool active = false;
        bool dirty = false;
        bool is_picky = false;                  // Has constraints (wishes_).
        bool has_minimum = false;               // Of its own (minimums_).
        QuotaBook::Account* account = nullptr;  // Of its role.
        QuotaBook::Account* top = nullptr;      // Of the top-level role above it.
    };
    struct Agent {
        AgentId id;
        AgentHandle handle = 0;
        std::uint64_t serial = 0;
        bool active = true;  // Gets offers made: neither of the next two.
        bool deactivated = false;
        bool unlisted = false;  // By the whitelist.
        bool dirty = false;
        bool held_back = false;     // Headroom kept something here from somebody.
        bool to_recount = false;    // Listed in recounts_.
        std::string kept_for;       // The only role that gets something here; empty: all.
        std::uint8_t required = 0;  // Capabilities without which a client gets nothing here.
        Resources total;
        Resources shared;     // Of the total; offered even while in use.
        Resources free;       // Not shared; right unless free_is_stale.
        Resources allocated;  // Not shared, of all frameworks, without allocation roles.
        bool free_is_stale = true;
        std::vector<std::pair<FrameworkHandle, Resources>> used;
        Amounts counted;  // Its part of the available headroom.
        mesos::v1::AgentInfo info;
        Refusals::Mask judged;    // Picky clients whose constraints were looked at.
        Refusals::Mask unwanted;  // Of these, who does not want the agent.
        Refusals refusals;
        std::vector<ClientHandle> pending;  // Clients whose refusal ended.
        std::size_t giving_place = npos;
    };
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

    /// A round visits agents twice when somebody's guarantee is not satisfied.
    enum class Stage : std::uint8_t { guarantees, all };
    class Visit;

    friend class Allocator;
    class Explainer;
    /// Brings sums up to date that the next round would bring up to date first.
    void settle_sums();
    Quantities named(const std::vector<std::int64_t>& by_kind) const;
    Quantities lacking(const QuotaBook::Account& account) const;

    // Frameworks and clients.
    FrameworkHandle framework_of(const FrameworkId& id);
    Framework* find_framework(const FrameworkId& id);
    void subscribe(FrameworkHandle handle, const Client& client);
    Role& role_of(FrameworkHandle handle, const std::string& role);
    void sync_activity(FrameworkHandle handle);
    void forget_refusals(ClientHandle client);
    void set_wishes(ClientHandle client, const std::string& role, const Client& of);
    void forget_judgements(ClientHandle client);
    void drop_client(ClientHandle client);
    /// Forgets roles that are neither subscribed nor hold anything, and a framework of nothing
    /// else.
    void drop_unused(FrameworkHandle handle);
    void mark_dirty(ClientHandle client);

    // Agents.
    Agent* find_agent(const AgentId& id);
    void set_total(Agent& agent, const Resources& total);
    void sync_activity(Agent& agent);
    void mark_dirty(Agent& agent);
    void mark_stale(Agent& agent);
    /// Has it visited, without its free resources being in doubt.
    void queue(Agent& agent);
    void refresh_free(Agent& agent);
    void recount(Agent& agent);
    bool is_unwanted(Agent& agent, ClientHandle client);
    void set_giving(Agent& agent, bool giving);
    void charge(Agent& agent, FrameworkHandle framework, const Resources& resources);
    /// The same without the quotas' books, which were charged already.
    void charge_granted(Agent& agent, FrameworkHandle framework, const Resources& resources);
    /// Returns what of it was there.
    Resources discharge(Agent& agent, FrameworkHandle framework, const Resources& resources);
    void discharge_clients(FrameworkHandle framework, const Resources& resources);
    void refuse(AgentHandle agent, FrameworkHandle framework, const Resources& resources,
                Instant deadline);

    // Rounds.
    void expire(Instant now);
    void open_quotas();
    void mark_clients(const QuotaBook::Account& top);
    void tidy_dirty_clients();
    std::vector<AgentHandle> agents_to_visit();
    void visit(AgentHandle agent, Stage stage, std::vector<Allocation>& allocations);
    /// Whether it makes an offer for the client.
    bool is_allocatable(ClientHandle client, const Resources& resources) const;
    /// Likewise, for clients without a minimum of their own.
    bool is_enough_for_most(const Resources& resources) const;
    /// Whether it might make one for anybody.
    bool is_allocatable(const Resources& resources) const;

    const Options options_;
    Capacity capacity_;
    RoleTree tree_;
    QuotaBook book_;
    std::unordered_map<ClientHandle, RoleConstraints> wishes_;
    std::unordered_map<ClientHandle, std::vector<Quantities>> minimums_;
    std::unordered_map<FrameworkId, FrameworkHandle> framework_handles_;
    std::deque<Framework> frameworks_;
    std::vector<FrameworkHandle> unused_frameworks_;
    std::vector<ClientState> clients_;
    std::unordered_map<AgentId, AgentHandle> agent_handles_;
    std::vector<std::unique_ptr<Agent>> agents_;  // Null where unused.
    std::vector<AgentHandle> unused_agents_;
    std::uint64_t next_serial_ = 0;
    std::uint64_t round_ = 0;
    std::uint32_t visits_ = 0;
    bool shares_are_stale_ = false;
    bool paused_ = false;
    std::optional<std::set<std::string>> whitelist_;

    std::vector<AgentHandle> giving_;        // Agents with something to give.
    std::vector<AgentHandle> dirty_agents_;  // Also those with pending clients.
    std::vector<AgentHandle> held_back_;     // Agents with the mark, and some that lost it.
    std::vector<AgentHandle> recounts_;      // Agents whose part of the headroom may be wrong.
    std::map<AgentHandle, Resources> offered_shared_;  // In this round, before the second stage.
    std::vector<ClientHandle> dirty_clients_;
    Deadlines deadlines_;
    std::size_t refusal_count_ = 0;
};

/// Capabilities as bits.
enum : std::uint8_t {
    has_gpu = 1,
    has_region = 2,
    has_revocable = 4,
    has_shared = 8,
    has_refinement = 16,
};

}  // namespace tepui::allocator
