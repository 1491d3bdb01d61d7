#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "resources/resources.h"

namespace tepui::allocator {

struct Options {
    std::uint64_t seed = 1;  // For the order agents are visited in.
    Duration filter_min =
        std::chrono::seconds{1};  // A filter lasts at least one allocation interval.
    std::set<std::string> fair_sharing_excluded;  // Resource names that do not count for shares.
    /// An offer holds all of at least one of these; empty: any offer will do.
    std::vector<Quantities> min_allocatable = {{{"cpus", Quantity{10}}},
                                               {{"mem", Quantity{32'000}}}};
    bool filter_gpu_resources = true;  // Agents with gpus only to clients with gpu_resources.
    /// Agents of other regions only to clients with region_aware. Unset: there is one region.
    std::optional<mesos::v1::DomainInfo> master_domain;
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

    /// Allocates what is dirty; an empty answer costs O(1).
    std::vector<Allocation> allocate(Instant now);
    bool dirty() const;
    /// When the next filter ends.
    Instant next_deadline() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tepui::allocator
