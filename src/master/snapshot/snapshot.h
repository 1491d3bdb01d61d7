#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "master/core/quota_config.h"
#include "master/snapshot/items.h"
#include "master/snapshot/paged_map.h"

namespace tepui::master {

/// What does not change while a master runs.
struct MasterFacts {
    mesos::v1::MasterInfo info;
    std::string cluster;  // May be empty.
    std::string log_dir;  // May be empty.
    std::map<std::string, std::string> flags;
    WallTime started_at;
    WallTime elected_at;
    mesos::v1::VersionInfo version;
};

/// Planned maintenance, as readers are shown it.
struct MaintenanceView {
    mesos::v1::maintenance::Schedule schedule;
    mesos::v1::maintenance::ClusterStatus status;
};

/// Sums over all agents, made once a snapshot.
struct Totals {
    struct Share {
        Resources used;
        Resources offered;
        std::set<AgentId> agents;  // With anything of it.
    };
    struct RoleShare {
        Quantities allocated;  // By tasks and executors, neither reserved nor revocable.
        Quantities offered;
        Quantities reserved;
        Quantities consumed;  // Counted against quota: allocated and not reserved, plus reserved.
        Quantities held;      // The same with what is offered; what the allocator counts.
        std::set<FrameworkId> frameworks;
    };

    std::map<FrameworkId, Share> frameworks;
    std::map<FrameworkId, std::vector<std::shared_ptr<const ExecutorItem>>> executors;
    std::map<std::string, RoleShare> roles;  // With what lies below them; with their ancestors.
    Resources total;
    Resources used;
};

/// The cluster at one moment; immutable, shares what did not change with the snapshots before.
class Snapshot {
public:
    using TaskMap = PagedMap<TaskKey, std::shared_ptr<const TaskItem>>;
    using OfferKey = std::pair<FrameworkId, OfferId>;

    std::uint64_t version = 0;
    std::shared_ptr<const MasterFacts> facts;
    PagedMap<AgentId, std::shared_ptr<const AgentItem>> agents;
    PagedMap<AgentId, std::shared_ptr<const RecoveredAgentItem>> recovered_agents;
    PagedMap<AgentId, WallTime> unreachable_agents;  // Since when.
    PagedMap<AgentId, WallTime> gone_agents;         // The same.
    PagedMap<FrameworkId, std::shared_ptr<const FrameworkItem>> frameworks;
    TaskMap tasks;
    TaskMap unreachable_tasks;
    PagedMap<OfferKey, std::shared_ptr<const OfferItem>> offers;
    /// Role to weight, others have 1; never null.
    std::shared_ptr<const std::map<std::string, double>> weights;
    /// Bands that are not 0, by top-level role; never null.
    std::shared_ptr<const std::map<std::string, std::int32_t>> priorities;
    /// By top-level role; never null.
    std::shared_ptr<const Quotas> quotas;
    std::shared_ptr<const MaintenanceView> maintenance;  // Never null.
    /// Oldest first; never null.
    std::shared_ptr<const std::vector<std::shared_ptr<const FrameworkItem>>> completed_frameworks;

    const Totals& totals() const;
    double weight_of(const std::string& role) const;
    /// Of a role without quota: an empty one.
    const allocator::Quota& quota_of(const std::string& role) const;

    /// A whole body, rendered when it is first asked for and shared by all who ask again. `name`
    /// tells bodies apart.
    std::shared_ptr<const std::string> body(const std::string& name,
                                            const std::function<std::string()>& render) const;

    /// Visits the tasks of one framework in the order of their ids.
    static void visit_tasks(const TaskMap& tasks, const FrameworkId& framework,
                            const std::function<void(const TaskItem&)>& visit);
    void visit_offers(const FrameworkId& framework,
                      const std::function<void(const OfferItem&)>& visit) const;
    /// Visits all tasks: active, unreachable and completed ones, of ended frameworks too.
    void visit_all_tasks(
        const std::function<void(const std::shared_ptr<const TaskItem>&)>& visit) const;

private:
    struct Body {
        std::once_flag once;
        std::shared_ptr<const std::string> text;
    };

    // Filled on demand; a copy of a snapshot would have to make its own.
    struct Cache {
        std::once_flag totals_once;
        Totals totals;
        std::mutex mutex;
        std::map<std::string, std::shared_ptr<Body>> bodies;
    };
    std::unique_ptr<Cache> cache_ = std::make_unique<Cache>();
};

/// The quantities of a list: scalars, and the number of values of ranges.
Quantities quantities_of(const ResourceList& resources);

}  // namespace tepui::master
