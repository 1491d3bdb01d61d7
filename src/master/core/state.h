#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "allocator/allocator.h"
#include "base/ids.h"
#include "base/time.h"
#include "master/core/core.h"
#include "master/core/effect.h"
#include "master/core/event.h"
#include "master/core/pending.h"
#include "master/core/publish.h"
#include "master/core/removal_queue.h"
#include "master/core/resource_shapes.h"
#include "master/core/tally.h"
#include "master/core/task_record.h"
#include "master/core/timers.h"
#include "mesos/v1/allocator/allocator.pb.h"
#include "resources/resources.h"

// What the master knows. Readers (snapshots, routes, metrics) may read all of it between two steps;
// only the machines of this folder write it. Protobufs that readers share are immutable versions:
// a change replaces the pointer, so a snapshot keeps what it took.
namespace tepui::master {

/// A task that is on a registered agent: active, or terminal with an update not yet acknowledged.
struct Task {
    /// `state` is the newest the agent told; `status_update_state` that of the last update
    /// forwarded (absent before the first); `statuses` the last of each run of equal states,
    /// without data.
    TaskRecord info;
    AgentId agent;
    std::shared_ptr<const Resources> resources;  // With allocation role; never null on an agent.
    bool charged = false;  // Whether `resources` count as used in the ledger: until terminal.
    LinkId launched_on;    // Where RunTask was sent; 0 for a task that an agent reported.
};

/// Identifies a task in the whole cluster.
using TaskKey = std::pair<FrameworkId, TaskId>;

/// Where an operation is kept: its agent and its uuid (16 bytes).
struct OperationKey {
    AgentId agent;
    std::string uuid;
    auto operator<=>(const OperationKey&) const = default;
};

struct Framework {
    enum class Phase : std::uint8_t {
        recovered,     // Known from the registry or from agents; not seen by this master.
        connected,     // Subscribed: `stream` is set.
        disconnected,  // `teardown_due` is set, or a new subscription is being stored.
        removing,      // Its end is being stored; to clients it does not exist any more.
    };

    FrameworkId id;
    std::shared_ptr<const mesos::v1::FrameworkInfo> info;  // With id and principal.
    Phase phase = Phase::recovered;
    std::optional<StreamId> stream;
    std::set<std::string> roles;
    std::set<std::string> suppressed_roles;
    mesos::v1::scheduler::OfferConstraints offer_constraints;
    allocator::Capabilities capabilities;
    bool partition_aware = false;

    WallTime registered_at;
    std::optional<WallTime> reregistered_at;
    std::optional<WallTime> disconnected_at;
    std::optional<Instant> teardown_due;

    std::map<TaskId, Task> tasks;
    ResourceShapes shapes;  // Of its tasks.
    /// Lost sight of with their agents; bounded, the oldest go first. They block their ids.
    std::map<TaskId, std::shared_ptr<const mesos::v1::Task>> unreachable_tasks;
    std::deque<TaskId> unreachable_order;  // The same ids, oldest first.
    /// Ended; bounded, the oldest first.
    std::deque<std::shared_ptr<const mesos::v1::Task>> completed_tasks;
    std::set<OfferId> offers;
    std::set<OfferId> inverse_offers;
    /// Until when it is not asked again to leave an agent.
    std::map<AgentId, Instant> inverse_filters;
    /// Those that it gave an id.
    std::map<std::string, OperationKey> operations;
    /// Mutable: what is counted while a framework is told something is no part of what it is.
    mutable FrameworkTally tally;

    bool connected() const { return phase == Phase::connected; }
    /// Receives offers: connected, as this master knows no deactivation without disconnection.
    bool active() const { return connected(); }
    bool has_capability(mesos::v1::FrameworkInfo::Capability::Type type) const;
};

/// A framework that ended, as it was then. Immutable.
struct CompletedFramework {
    std::shared_ptr<const mesos::v1::FrameworkInfo> info;
    WallTime registered_at;
    std::optional<WallTime> reregistered_at;
    WallTime completed_at;
    std::vector<std::shared_ptr<const mesos::v1::Task>> completed_tasks;  // Oldest first.
    std::vector<std::shared_ptr<const mesos::v1::Task>> unreachable_tasks;
    FrameworkTally tally;
};

/// A custom or default executor that was launched on an agent, or that the agent reported.
struct Executor {
    std::shared_ptr<const mesos::v1::ExecutorInfo> info;  // With framework_id.
    Resources resources;                                  // With allocation role.
    LinkId launched_on = {};  // Where its first task was sent; 0 for one that an agent reported.
};

/// An operation that an agent applies, or applied.
struct SentOperation {
    std::shared_ptr<const mesos::v1::Operation> info;
    LinkId sent_on = {};  // Where ApplyOperation went; 0 for one that the agent reported.
};

/// An agent that is registered: durable, answered, and not counted as unreachable.
struct Agent {
    AgentId id;
    std::shared_ptr<const mesos::v1::AgentInfo> info;  // With id.
    std::string version;
    std::vector<std::string> capabilities;  // AgentInfo.Capability.Type names.
    std::string ip;                         // Where its connection came from; "" if not known.
    /// The connection it is bound to; absent while it is disconnected.
    std::optional<LinkId> link;
    std::optional<std::uint64_t> channel;

    WallTime registered_at;
    std::optional<WallTime> reregistered_at;
    Instant last_seen;  // Its last pong, or its registration.
    std::uint32_t missed_pongs = 0;
    bool marking_unreachable = false;  // The registry write is under way.
    bool removing = false;             // The same, for its removal.
    bool deactivated = false;          // By an operator: nothing of it is offered.
    /// Of the maintenance of its machine; null when there is none planned.
    std::shared_ptr<const mesos::v1::Unavailability> unavailability;
    /// When it was last told to drain.
    std::optional<WallTime> drain_told_at;

    // The ledger (ledger.h is the only writer).
    Resources total;           // Without allocation roles.
    Resources oversubscribed;  // The part of it that is revocable, as the agent said last.
    std::map<FrameworkId, Resources> offered;  // With allocation roles; no empty entries.
    std::map<FrameworkId, Resources> used;     // The same; by tasks and executors.

    std::set<OfferId> offers;
    std::set<TaskKey> tasks;
    /// Operations by uuid whose last status was not acknowledged yet.
    /// In the order of the uuids, which is that in which they were sent.
    std::map<std::string, SentOperation> operations;
    std::set<OfferId> inverse_offers;
    std::map<FrameworkId, std::map<ExecutorId, Executor>> executors;
    /// Kills the agent may not have got; sent again when it comes back.
    std::map<TaskKey, std::shared_ptr<const link::ToAgent>> pending_kills;

    bool connected() const { return link.has_value(); }
    bool active() const { return connected() && !deactivated; }
};

/// An agent in the registry that has not come back since this master began.
struct RecoveredAgent {
    std::shared_ptr<const mesos::v1::AgentInfo> info;
    std::string version;
    WallTime registered_at;
    bool marking_unreachable = false;
};

struct UnreachableAgent {
    std::shared_ptr<const mesos::v1::AgentInfo> info;
    WallTime since;
};

struct Offer {
    FrameworkId framework;
    AgentId agent;
    std::string role;
    Resources resources;  // With allocation role.
    /// With allocation_info and `reservations`, also for clients that were sent the older form.
    std::shared_ptr<const mesos::v1::Offer> info;
    Now made_at = {};
};

/// Asks a framework to leave an agent, or (`displaces`) to give back what some tasks there use.
struct InverseOffer {
    FrameworkId framework;
    AgentId agent;
    bool displaces = false;
    std::shared_ptr<const mesos::v1::InverseOffer> info;
};

/// A role above others that gets less than it should (preemption.h).
struct Starvation {
    /// Or since it was looked for what could be taken; absent while it lacks nothing.
    std::optional<Instant> since;
    std::uint32_t rounds =
        0;            // How often something was taken, without its tasks having more since.
    Quantities used;  // What its tasks had then.
};

/// A task, or a pod with all its tasks (`id` is its executor's): what ends together.
struct WorkKey {
    AgentId agent;
    FrameworkId framework;
    std::string id;
    bool pod = false;
    auto operator<=>(const WorkKey&) const = default;
};

/// Work that is to make room for a role of a higher band.
struct Displacement {
    std::string role;              // For which.
    Quantities frees;              // What of its resources would help.
    Instant due;                   // When it is killed, if it is still needed then.
    std::optional<OfferId> asked;  // The inverse offer, until it is answered.
    bool killed = false;
};

/// A machine's hostname, in lower case, and ip; one of them may be empty.
using MachineKey = std::pair<std::string, std::string>;

/// A machine in the maintenance schedule. Agents are on it by hostname, by ip, or both.
struct Machine {
    mesos::v1::MachineID id;
    mesos::v1::MachineInfo::Mode mode = mesos::v1::MachineInfo::DRAINING;
    mesos::v1::Unavailability unavailability;
    /// The last answers to inverse offers for it.
    std::map<FrameworkId, mesos::v1::allocator::InverseOfferStatus> answers;
};

/// What a connection carries.
struct Link {
    std::set<AgentId> agents;            // Bound to it.
    std::set<PersistToken> registering;  // (Re)registrations over it that are being stored.
    /// First registrations that it was answered, by channel: a repeated one is answered again.
    std::map<std::optional<std::uint64_t>, AgentId> registered_channels;

    bool closing = false;  // By our wish: what still comes over it is ignored.

    bool empty() const { return agents.empty() && registering.empty() && !closing; }
};

/// What changed since the last take_changes(). An id that is not found in State was removed; a task
/// may have moved to its framework's unreachable or completed ones.
struct Changes {
    std::uint64_t version = 0;  // State::version at the time.
    bool everything = false;    // Too much to list: read all anew.
    std::set<FrameworkId> frameworks;
    std::set<AgentId> agents;  // Also recovered and unreachable ones.
    std::set<TaskKey> tasks;
    std::set<OfferId> offers;
    bool completed_frameworks = false;
    bool weights = false;
    bool quotas = false;
    bool maintenance = false;
    bool priorities = false;

    bool empty() const {
        return !everything && frameworks.empty() && agents.empty() && tasks.empty() &&
               offers.empty() && !completed_frameworks && !weights && !quotas && !maintenance &&
               !priorities;
    }
};

/// Counters of Mesos' metric names without "master/" ("messages_kill_task"); all that this core
/// counts are present from the start.
using Counters = std::map<std::string, std::uint64_t, std::less<>>;

struct State {
    CoreConfig config;
    mesos::v1::MasterInfo info;
    /// `info` as schedulers are shown it: without QUOTA_V2, which mesos-go cannot decode.
    mesos::v1::MasterInfo scheduler_info;
    std::uint64_t epoch = 0;
    bool recovered = false;  // The epoch is durable.
    WallTime started_at;
    Instant started;

    std::map<FrameworkId, Framework> frameworks;
    std::map<StreamId, FrameworkId> streams;  // Of connected frameworks.
    std::deque<std::shared_ptr<const CompletedFramework>> completed_frameworks;  // Oldest first.
    /// Every framework id that is remembered as ended (more than completed_frameworks), and in the
    /// order they ended.
    std::set<FrameworkId> ended_frameworks;
    std::deque<FrameworkId> ended_order;

    std::map<AgentId, Agent> agents;
    std::map<AgentId, RecoveredAgent> recovered_agents;
    std::map<AgentId, UnreachableAgent> unreachable_agents;
    std::map<AgentId, WallTime> gone_agents;  // By an operator's word, since when.
    std::set<AgentId> deactivated_agents;     // Registered, recovered or unreachable ones.
    /// Agents that left or were replaced, in order; bounded. Should one come back, the end of its
    /// tasks was told wrongly.
    std::set<AgentId> removed_agents;
    std::deque<AgentId> removed_order;
    std::map<std::string, AgentId> agents_by_address;  // "hostname:port".
    std::map<LinkId, Link> links;

    std::map<OfferId, Offer> offers;
    std::map<std::string, double> weights;           // Role to weight; others have 1.
    std::map<std::string, allocator::Quota> quotas;  // Of top-level roles.
    std::map<std::string, std::int32_t> priorities;  // Role to band; others have 0.
    mesos::v1::maintenance::Schedule maintenance_schedule;
    std::map<MachineKey, Machine> machines;  // Those of the schedule.
    std::map<OfferId, InverseOffer> inverse_offers;
    /// Both empty unless roles have bands. A new master judges anew.
    std::map<std::string, Starvation> starving;  // By role.
    std::map<WorkKey, Displacement> displaced;
    std::map<AgentId, std::string> kept_agents;  // What is freed there is for that role only.
    Instant preemption_due = Instant::max();     // When it is judged next.
    /// Registered, recovered or unreachable agents that an operator drains, or that are drained.
    std::map<AgentId, mesos::v1::DrainInfo> drains;
    /// Those with a drain, and those on machines of the schedule: when something about one changes
    /// it is looked at before the step ends (maintenance.h, drain.h).
    std::set<AgentId> watched_agents;
    std::set<AgentId> agents_to_review;

    std::uint64_t version = 0;  // Counts the steps that changed something.
    bool publishing = false;    // Somebody listens to what happens.
    OperatorEvents published;   // Since the last take_published().
    Changes changes;
    Counters counters;
    /// Tasks of registered agents by TaskState number, for gauges.
    std::array<std::uint64_t, 32> tasks_by_state{};
    std::uint64_t unreachable_task_count = 0;

    // What follows is of use to the machines only.
    std::uint64_t next_framework = 0;
    std::uint64_t next_agent = 0;
    std::uint64_t next_offer = 0;
    std::uint64_t next_operation = 0;
    std::unique_ptr<allocator::Allocator> allocator;
    Timers timers;
    RemovalQueue removals;
    std::size_t recovered_at_start = 0;  // Agents that the registry held as admitted.
    bool registry_gc_armed = false;
    bool weights_stored = false;     // In the registry, or on their way; else they are configured.
    bool allocation_paused = false;  // Quotas wait for agents to come back (allocation_pause.h).
    PendingWrites pending;
};

/// The text of an agent's address: "hostname:port". One agent has it at a time.
std::string agent_address(const mesos::v1::AgentInfo& info);

}  // namespace tepui::master
