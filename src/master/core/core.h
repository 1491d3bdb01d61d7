#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "master/core/effect.h"
#include "master/core/event.h"
#include "master/core/limits.h"
#include "master/core/publish.h"
#include "master/core/removal_rate.h"
#include "resources/resources.h"

namespace tepui::master {

/// Limits and periods of a master, with Mesos' defaults (reference flags.tsv).
struct CoreConfig {
    Duration agent_ping_timeout = std::chrono::seconds{15};
    std::uint32_t max_agent_ping_timeouts = 5;
    Duration agent_reregister_timeout = std::chrono::minutes{10};
    /// How fast failed agents are marked unreachable; absent: at once.
    std::optional<RemovalRate> agent_removal_rate_limit = {};
    /// The share of recovered agents, from 0 to 1, that may stay away; with more the master ends.
    double recovery_agent_removal_limit = 1;
    Duration registry_gc_interval = std::chrono::minutes{15};
    Duration registry_max_agent_age = std::chrono::hours{24 * 14};
    std::size_t registry_max_agent_count = 102'400;  // Of unreachable ones, and of gone ones.
    Duration scheduler_heartbeat = std::chrono::seconds{15};
    std::optional<Duration> offer_timeout = {};
    /// How long a role of a higher band starves before others are asked to make room, and how long
    /// these have for it.
    Duration preemption_after = std::chrono::seconds{10};
    Duration preemption_notice = std::chrono::seconds{30};
    std::size_t max_completed_frameworks = 50;
    std::size_t max_completed_tasks_per_framework = 1000;
    std::size_t max_unreachable_tasks_per_framework = 1000;
    bool root_submissions = true;
    /// Role to weight, others have 1; of no account once the registry holds weights.
    std::map<std::string, double> weights = {};
    Duration allocation_interval = std::chrono::seconds{1};  // The least a filter lasts.
    Limits limits = {};
    /// An offer holds all of at least one of these; empty: any will do.
    std::vector<Quantities> min_allocatable = {{{"cpus", Quantity{10}}},
                                               {{"mem", Quantity{32'000}}}};
    bool filter_gpu_resources = true;  // Agents with GPUs only to frameworks with GPU_RESOURCES.
    /// Roles that frameworks may have, "*" included or not as it says; absent: any.
    std::optional<std::set<std::string>> roles = {};
    /// Hostnames of the agents that are offered, at the start; absent: all (WhitelistChanged).
    std::optional<std::set<std::string>> whitelist = {};
    std::set<std::string> fair_sharing_excluded = {};  // Resource names that shares leave out.
    bool random_role_sorter = false;                   // Else roles share by DRF.
    bool random_framework_sorter = false;              // The same within a role.
    /// With quota set, nothing is offered after a failover before this share of the agents in the
    /// registry is back, or this time is over.
    double allocator_agent_recovery_factor = 0.8;
    Duration allocator_recovery_timeout = std::chrono::minutes{10};
    /// Of each expression in offer constraints.
    std::int64_t constraint_regex_max_bytes = 4096;
    int constraint_regex_max_program = 100;
};

struct State;
struct Changes;

/// The deciding part of a master. Composes the machines of this folder (frameworks, agents, ledger,
/// offers, accept, tasks, reconciliation); see README.md here.
///
/// Duties of the caller, in this order: construct with the loaded registry; perform start()'s
/// effects; then for each event perform step()'s effects in order; call step(Tick{}) when
/// next_deadline() is reached. One thread at a time.
class Core {
public:
    /// `info`: this master as SUBSCRIBED shows it, with id (a new UUID each start). `registry`: all
    /// stored keys. `seed`: for the order agents are offered in. Fails with corrupt, naming the
    /// key.
    static Result<std::unique_ptr<Core>> create(CoreConfig config, mesos::v1::MasterInfo info,
                                                std::map<std::string, std::string> registry,
                                                std::uint64_t seed, Now now);
    ~Core();

    /// Writes the new epoch; nothing else may be visible before that is durable.
    Effects start(Now now);
    /// `Offers::owed`: what the event made free is not offered yet; the caller steps Tick soon,
    /// when owes_offers(). Offers made for many events at once are fewer and larger.
    enum class Offers : std::uint8_t { made, owed };
    Effects step(Event event, Now now, Offers offers = Offers::made);
    bool owes_offers() const;
    /// When Tick is due next; Instant::max() when never. Reaches an idle cluster's pings only.
    Instant next_deadline() const;

    /// What can be judged at once about a call that is not SUBSCRIBE: invalid_argument for 400 (the
    /// text is the body: unknown framework, wrong stream id), denied for 403 (not subscribed).
    /// Covers what each call type needs (sub-message, 16 byte uuid) and the framework's stream; who
    /// asks is the caller's affair. too_large for 413: a limit refuses it, which is counted.
    Result<void> check_call(const mesos::v1::scheduler::Call& call,
                            const std::optional<StreamId>& stream);

    /// Everything there is to see, for snapshots.
    const State& state() const;
    /// What changed since the last call, for incremental snapshots. Readers that keep copies call
    /// it after each batch of steps; it costs what changed.
    Changes take_changes();
    /// Packs those of the tasks that changed which run, and are therefore expected to lie quiet.
    void pack(const Changes& changes);
    /// From now on (or no more) notes what operators are told of; nothing is noted at first.
    void publish_events(bool wanted);
    /// What was noted since the last call, in the order in which it became so.
    OperatorEvents take_published();
    /// False until the epoch is durable; every request is answered 503 till then.
    bool recovered() const;

private:
    explicit Core(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace tepui::master
