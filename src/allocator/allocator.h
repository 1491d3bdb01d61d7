#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "allocator/constraints.h"
#include "base/ids.h"
#include "base/time.h"
#include "resources/resources.h"

namespace tepui::allocator {

/// How competitors are ordered: by dominant share, or by a lot drawn for each agent anew, in which
/// a weight of 2 wins twice as often as a weight of 1.
enum class Sorter : std::uint8_t { drf, random };

struct Options {
    std::uint64_t seed = 1;  // For the order agents are visited in, and for lots.
    Duration filter_min =
        std::chrono::seconds{1};  // A filter lasts at least one allocation interval.
    std::set<std::string> fair_sharing_excluded;  // Resource names that do not count for shares.
    /// An offer holds all of at least one of these; empty: any offer will do.
    std::vector<Quantities> min_allocatable = {{{"cpus", Quantity{10}}},
                                               {{"mem", Quantity{32'000}}}};
    bool filter_gpu_resources = true;  // Agents with gpus only to clients with gpu_resources.
    /// Agents of other regions only to clients with region_aware. Unset: there is one region.
    std::optional<mesos::v1::DomainInfo> master_domain;
    Sorter role_sorter = Sorter::drf;
    Sorter framework_sorter = Sorter::drf;
};

/// Of a top-level role: what is kept for it and its descendants, and the most they may hold. A
/// name that is missing in `limits` is not limited.
struct Quota {
    Quantities guarantees;
    Quantities limits;
    bool operator==(const Quota&) const = default;
};

struct Capabilities {
    bool multi_role = false;
    bool gpu_resources = false;
    bool revocable_resources = false;
    bool shared_resources = false;
    bool region_aware = false;
    bool reservation_refinement = false;
};

struct Client {
    FrameworkId framework;
    std::set<std::string> roles;
    std::set<std::string> suppressed_roles;
    Capabilities capabilities;
    /// By role: which agents it wants (compile_constraints()). A role that is missing wants any.
    std::map<std::string, RoleConstraints> constraints = {};
    /// By role: instead of Options::min_allocatable, and read like it.
    std::map<std::string, std::vector<Quantities>> min_allocatable = {};
};

struct AgentOffering {
    AgentId agent;
    Resources total;
    mesos::v1::AgentInfo info;  // Attributes and domain, for constraints.
};

/// One offer to be: everything free on an agent that the client's role may have.
struct Allocation {
    FrameworkId framework;
    std::string role;
    AgentId agent;
    Resources resources;  // allocation_info.role set.
};

// Of explain.h.
struct ExplainContext;
struct ClientExplanation;
struct AgentExplanation;
struct RoleStanding;

/// Hierarchical weighted dominant-resource fairness over agents, event-driven: each change marks
/// what it touches dirty, allocate() visits only that, and an idle allocator does nothing.
/// Deterministic: the same calls with the same seed give the same allocations.
///
/// Amounts: what allocate() returned counts as allocated until recover()ed. The caller keeps
/// offers, tasks and this in step (master/core/ledger).
class Allocator {
public:
    explicit Allocator(Options options);
    ~Allocator();

    void add_framework(Client client, bool active);
    /// New roles, suppression and capabilities; allocations stay.
    void update_framework(Client client);
    void activate_framework(const FrameworkId& framework);
    void deactivate_framework(const FrameworkId& framework);
    /// Its allocations must be recovered before or are dropped here.
    void remove_framework(const FrameworkId& framework);

    /// `used`: by framework, with allocation_info; frameworks may be added later.
    void add_agent(AgentOffering agent, const std::map<FrameworkId, Resources>& used);
    void update_agent(const AgentId& agent, const Resources& total);
    /// New attributes, hostname or domain of an agent that is known.
    void update_agent_info(const AgentId& agent, const mesos::v1::AgentInfo& info);
    void remove_agent(const AgentId& agent);
    void activate_agent(const AgentId& agent);
    void deactivate_agent(const AgentId& agent);

    /// Gives back what an offer or a task held. With `refuse` the pair (client role, agent) gets no
    /// offer contained in `resources` for that long.
    void recover(const FrameworkId& framework, const AgentId& agent, const Resources& resources,
                 std::optional<Duration> refuse, Instant now);
    /// Counts resources as allocated that allocate() did not give (tasks of a returned agent).
    void track(const FrameworkId& framework, const AgentId& agent, const Resources& resources);

    /// Empty roles: all.
    void revive(const FrameworkId& framework, const std::set<std::string>& roles);
    void suppress(const FrameworkId& framework, const std::set<std::string>& roles);
    /// Above 0, else it is ignored; 1 for roles never set. Changes the order of what comes, not
    /// what is allocated already.
    void set_weight(const std::string& role, double weight);
    /// Of a top-level role; 0 for roles never set. A role of a higher band comes before all of
    /// lower ones, whatever their shares. Changes the order of what comes, not what is allocated
    /// already.
    void set_band(const std::string& role, std::int32_t band);
    /// What is free on the agent goes to this role and those below it only, until `role` is empty:
    /// it comes in parts that others would take one by one.
    void keep_for(const AgentId& agent, const std::string& role);
    /// Whether the framework, in this role, might be offered what were free on the agent: it is
    /// active and not suppressed, the agent gets offers made, and nothing that it can't do or does
    /// not want stands in between. Filters of what it declined and quotas are not looked at.
    bool may_offer(const FrameworkId& framework, const std::string& role,
                   const AgentId& agent) const;
    /// Whether something it declined keeps these resources of the agent from it.
    bool has_declined(const FrameworkId& framework, const std::string& role, const AgentId& agent,
                      const Resources& resources) const;

    /// Of a top-level role; replaces what was set before. What is allocated already stays: rescind
    /// offers where a lower limit demands it.
    void set_quota(const std::string& role, const Quota& quota);
    void remove_quota(const std::string& role);
    /// What counts against a quota, of any role with all below it: reservations, allocated or not,
    /// and unreserved resources that are allocated (offers too). Revocable ones do not count.
    Quantities quota_consumed(const std::string& role) const;
    /// Only agents with these hostnames get offers made; unset: all. Outstanding offers stay.
    void set_whitelist(std::optional<std::set<std::string>> hostnames);
    /// Between the two allocate() gives nothing and nothing is due; changes are kept for later.
    void pause();
    void resume();

    // Why somebody gets something or does not (explain.h). None of these changes what allocate()
    // gives. `now` as for allocate().

    /// Of one client, what stands between it and each agent; none if it is no subscribed one.
    std::optional<ClientExplanation> explain(const FrameworkId& framework, const std::string& role,
                                             const ExplainContext& context, Instant now) const;
    /// Of one agent, what stands between it and each client; none if it is not known.
    std::optional<AgentExplanation> explain(const AgentId& agent, const ExplainContext& context,
                                            Instant now) const;
    /// The role's place among its siblings, after that of the roles above it; empty if nobody is
    /// in it.
    std::vector<RoleStanding> standing(const std::string& role) const;
    /// Clients of exactly this role, subscribed ones only, in the order they would be asked.
    std::vector<FrameworkId> clients_of(const std::string& role) const;
    /// Filters that frameworks set and that have not ended, by role; roles without are left out.
    std::map<std::string, std::size_t> active_filters() const;

    /// Allocates what is dirty; an empty answer costs O(1).
    std::vector<Allocation> allocate(Instant now);
    bool dirty() const;
    /// When the next filter ends; Instant::max() if none does.
    Instant next_deadline() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tepui::allocator
