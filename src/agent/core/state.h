#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/check_state.h"
#include "agent/core/core.h"
#include "agent/core/executor_state.h"
#include "agent/core/nested_state.h"
#include "agent/core/operation_state.h"
#include "agent/core/timers.h"
#include "base/ids.h"
#include "base/prng.h"
#include "base/time.h"
#include "resources/resources.h"

namespace tepui::agent {

/// Why a task is being ended; decides its last state.
enum class EndCause : std::uint8_t {
    kill = 1,            // Asked for by the framework: TASK_KILLED.
    kill_during_launch,  // The same before its process ran.
    max_completion,      // TASK_FAILED, REASON_MAX_COMPLETION_TIME_REACHED.
    framework_shutdown,  // Nobody is left to tell.
    departure,           // The agent leaves: TASK_KILLED.
    unhealthy,           // Its health check failed too often: TASK_KILLED, healthy=false.
    sibling,             // Another task of its group ended: TASK_KILLED.
    drain,               // The agent is drained: TASK_KILLED, REASON_AGENT_DRAINING.
};

struct Ending {
    EndCause cause = EndCause::kill;
    Duration grace{};        // From SIGTERM to SIGKILL.
    Instant asked;           // When SIGTERM was asked for: later, shorter graces count from here.
    bool signalled = false;  // SIGTERM went out.
    bool killed = false;     // SIGKILL went out.
};

/// How far a task's container has come.
enum class Phase : std::uint8_t {
    persisting,  // The checkpoint of the task is being written; nothing was launched.
    launching,   // LaunchContainer went out.
    running,     // ContainerStarted came.
    ended,       // The container is gone; the terminal update may wait for its acknowledgement.
};

/// One task and its container. Owned by its Framework.
struct TaskRun {
    mesos::v1::TaskInfo info;                          // Without secrets (secrets.h).
    std::shared_ptr<const mesos::v1::TaskInfo> whole;  // With them, until it is launched.
    FrameworkId framework;
    /// The executor it belongs to; absent for a command task, which is its own.
    std::optional<ExecutorId> executor;
    /// Names the task's checkpoints, also where it has no container of its own: a custom
    /// executor's task lives in the executor's.
    ContainerId container;
    std::string user;
    std::string sandbox;
    Phase phase = Phase::persisting;
    std::int64_t pid = 0;
    mesos::v1::ContainerStatus container_status;  // Of one that runs, as ContainerStarted told it.
    WallTime started;                             // Of the process; zero before.
    mesos::v1::TaskState state = mesos::v1::TASK_STAGING;
    std::vector<mesos::v1::TaskStatus> statuses;  // One of each run of equal states, without data.
    std::optional<Ending> ending;
    /// Who displaces it and why, as the master said; it ends for that (displacement.h).
    std::optional<std::string> displaced;
    CheckState checks;
    PodTask pod;
    // The last update forwarded to the master.
    std::optional<mesos::v1::TaskState> forwarded_state;
    std::string forwarded_uuid;
    /// Of the updates a custom executor sent, newest last, the most recent ones: it repeats those
    /// that it did not see acknowledged.
    std::deque<std::string> received_uuids;
};

struct Framework {
    mesos::v1::FrameworkInfo info;
    std::map<TaskId, TaskRun> tasks;
    std::map<ExecutorId, ExecutorRun> executors;  // Custom ones and pods.
    std::deque<CompletedTask> completed;  // Command tasks, oldest first; bounded by CoreConfig.
    std::deque<CompletedExecutor> completed_executors;  // The same of executors.
    bool terminating = false;  // Waits for its containers to end, then is forgotten.
};

/// An update on its way to the framework.
struct PendingUpdate {
    mesos::v1::TaskStatus status;
    std::uint64_t sequence = 0;
    bool durable = false;
};

using TaskKey = std::pair<FrameworkId, TaskId>;
using ExecutorKey = std::pair<FrameworkId, ExecutorId>;

/// The updates of one task, in order. Only the head is in flight; it is repeated until its uuid is
/// acknowledged.
struct Stream {
    TaskKey task;
    std::optional<ContainerId> container;  // Of a task that ran here; its updates are checkpointed.
    std::deque<PendingUpdate> queue;
    mesos::v1::TaskState latest = mesos::v1::TASK_STAGING;
    std::uint64_t next_sequence = 0;
    bool checkpoint = false;
    bool in_flight = false;  // The head was sent on this registration.
    /// The acknowledged update whose removal is being written: until then the next one waits, or a
    /// crash in between would repeat the older one after it.
    std::optional<std::uint64_t> acknowledged;
    Duration retry_delay{};
};

/// A sandbox on disk: of a live task, or (with `ended`) waiting for its removal.
struct Sandbox {
    std::string path;
    std::optional<WallTime> ended;
};

/// How far the agent is in leaving the cluster.
enum class DeparturePhase : std::uint8_t {
    ending_tasks,   // Until every container is gone.
    reporting,      // Until every update is acknowledged, or departure_patience is over.
    unregistering,  // Until the master has answered, or departure_patience is over.
};

enum class RegistrationPhase : std::uint8_t { disconnected, registering, registered };

struct Registration {
    RegistrationPhase phase = RegistrationPhase::disconnected;
    Duration backoff_max{};   // The next delay is random in [0, backoff_max].
    std::uint64_t epoch = 0;  // Highest seen.
    Duration ping_timeout{};
    std::string master_id;
    std::string master_hostname;
    bool restarted = false;  // The process began after the last registration.
    bool held = false;       // Connected, but executors are awaited after a restart first.
    std::optional<WallTime> registered_at;
    /// ExecutorExited of executors that ended after they were listed: said once registered.
    std::vector<link::ToMaster> late_exits;
};

/// What happens once a checkpoint batch is durable.
struct LaunchAfter {
    ContainerId container;
};
struct ForwardAfter {
    TaskKey task;
    std::uint64_t sequence;
};
struct NextAfter {
    TaskKey task;
    std::uint64_t acknowledged;
};
struct SignalAfter {
    ContainerId container;
};
/// A custom executor's record and those of these tasks.
struct QueueAfter {
    ContainerId container;
    std::vector<TaskId> tasks;
};
/// An update that an executor waits to hear of.
struct AcknowledgeAfter {
    ExecutorKey executor;
    TaskId task;
    std::string uuid;
};
/// The record of one that an operator launches.
struct NestedAfter {
    ContainerId container;
};
struct EndAfter {
    std::string why;
};
/// The end of a container, or that nobody has to know of it any more.
struct ForgetAfter {
    ContainerId container;
};
/// The record of an operation, and what is kept with it.
struct OperationAfter {
    std::string operation;
    std::shared_ptr<const Resources> kept;
};
using AfterWrite =
    std::variant<LaunchAfter, ForwardAfter, NextAfter, SignalAfter, EndAfter, QueueAfter,
                 AcknowledgeAfter, NestedAfter, ForgetAfter, OperationAfter>;

struct Counters {
    std::uint64_t tasks_finished = 0;
    std::uint64_t tasks_failed = 0;
    std::uint64_t tasks_killed = 0;
    std::uint64_t tasks_lost = 0;
    std::uint64_t container_launch_errors = 0;
    std::uint64_t status_updates_valid = 0;
    std::uint64_t status_updates_invalid = 0;  // Acknowledgements that fit nothing.
    std::uint64_t recovery_errors = 0;
    std::uint64_t sandboxes_removed = 0;
    std::uint64_t registrations = 0;
    std::uint64_t executors_terminated = 0;  // Also command tasks, each an executor of its own.
    std::uint64_t messages_valid = 0;        // Handed on, to executors and from them.
    std::uint64_t containers_preempted = 0;  // For their revocable resources.
    std::uint64_t messages_invalid = 0;      // Dropped, because nobody was there to get them.
};

/// Everything the core knows. Written by the machines of this folder only; the shell reads it to
/// answer state calls.
struct State {
    State(CoreConfig configuration, std::uint64_t seed)
        : config(std::move(configuration)), prng(seed) {}

    CoreConfig config;
    Prng prng;
    std::optional<AgentId> id;
    Registration registration;
    std::map<FrameworkId, Framework> frameworks;
    std::deque<Framework> completed_frameworks;              // Oldest first.
    std::map<ContainerId, TaskKey> containers;               // Of tasks in `frameworks`.
    std::map<ContainerId, ExecutorKey> executor_containers;  // Of executors in `frameworks`.
    std::map<TaskKey, Stream> streams;
    std::map<ContainerId, Sandbox> sandboxes;
    std::optional<Duration> sandbox_age_max;       // By the last look at the disk.
    std::optional<std::uint64_t> disk_free_bytes;  // The same.
    // What operators launched and asked for.
    std::map<ContainerId, NestedRun> nested;
    /// What is to be launched once it is durable; kept in memory only.
    std::map<ContainerId, mesos::v1::agent::Call::LaunchContainer> nested_orders;
    std::map<ContainerId, std::set<std::uint64_t>> container_waiters;  // Requests.
    std::deque<ContainerId> ended_sessions;                            // Oldest first.
    /// What the estimator said last; absent: it never did.
    std::optional<google::protobuf::RepeatedPtrField<mesos::v1::Resource>> oversubscribed;
    std::set<ContainerId> preempted;  // Being destroyed for their revocable resources.
    // Dynamic reservations and persistent volumes: what was made of the configured resources.
    Resources kept;
    Resources kept_durable;  // The same as it is stored: what the master is told.
    std::map<std::string, OperationRun> operations;  // By uuid (bytes); none acknowledged yet.
    std::deque<std::string> settled_operations;      // Uuids, oldest first, bounded.
    bool kept_uncertain = false;  // The master may believe otherwise: it is told with each end.
    std::optional<Drain> drain;
    Timers timers;
    std::uint64_t next_token = 1;
    std::uint64_t next_probe = 1;
    std::map<CheckpointToken, std::vector<AfterWrite>> after_writes;
    bool recovering = false;                   // Within recover(): not every task is known yet.
    std::optional<std::string> shutting_down;  // ShutdownAgent's text, or that it left.
    std::optional<DeparturePhase> departure;
    // Of a restart, until recover():
    bool boot_changed = false;
    bool reconfigured = false;           // The stored AgentInfo is an older one, but fits.
    std::optional<std::string> refused;  // Why this checkpoint can't be taken over.
    std::vector<LogLine> load_log;
    std::vector<std::string> broken_keys;
    std::optional<Error> broken;  // The first of them and what is wrong with it.
    Counters counters;
};

}  // namespace tepui::agent
