#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/core/compatibility.h"
#include "agent/core/effect.h"
#include "agent/core/event.h"
#include "base/result.h"
#include "base/time.h"

namespace tepui::agent {

/// What becomes of the tasks that an earlier agent with this work directory left.
enum class RecoverMode : std::uint8_t {
    reconnect,  // They are taken over.
    cleanup,    // They are ended; so then is the agent, without registering, and forgets its id.
};

/// Periods and limits of an agent, with Mesos' defaults (reference flags.tsv).
struct CoreConfig {
    std::string work_dir;
    mesos::v1::AgentInfo info;  // Without id; resources and attributes final.
    std::string version = "1.12.0";
    std::string boot_id;
    Duration registration_backoff = std::chrono::seconds{1};  // First delay; doubles to 1 min.
    Duration update_retry_min = std::chrono::seconds{10};
    Duration update_retry_max = std::chrono::minutes{10};
    Duration gc_delay = std::chrono::hours{24 * 7};
    std::uint64_t disk_free_bytes_min = std::uint64_t{1} << 20;  // With less nothing is launched.
    double gc_disk_headroom = 0.1;     // Of the disk; as it fills, sandboxes are kept less long.
    bool gc_nested_sandboxes = false;  // Those of a pod's tasks go by themselves, before the pod's.
    Duration kill_grace = std::chrono::seconds{3};
    Duration departure_grace = std::chrono::seconds{1};     // The most a task gets when we leave.
    Duration departure_patience = std::chrono::seconds{2};  // For acknowledgements, and the answer.
    Duration executor_registration_timeout = std::chrono::minutes{1};    // From its start.
    Duration executor_reregistration_timeout = std::chrono::seconds{2};  // From our start.
    Duration executor_shutdown_grace = std::chrono::seconds{5};  // Where ExecutorInfo has none.
    /// Told to executors: how long they wait for an agent that is gone.
    Duration recovery_timeout = std::chrono::minutes{15};
    std::size_t message_bytes_max = std::size_t{16} << 20;  // Of an executor to its framework.
    std::size_t max_completed_tasks_per_executor = 200;
    std::size_t max_completed_frameworks = 50;
    std::size_t max_completed_executors_per_framework = 150;
    std::string ip = "127.0.0.1";  // Reported in the tasks' container_status.
    std::vector<std::string>
        capabilities;          // AgentInfo.Capability.Type names, told at registration.
    std::string default_user;  // Whom tasks run as when neither command nor framework names a user.
    bool switch_user = true;
    bool strict = false;  // A checkpoint that can't be read is fatal.
    RecoverMode recover = RecoverMode::reconnect;
    ReconfigurationPolicy reconfiguration = ReconfigurationPolicy::equal;
};

/// A container the containerizer found alive (or found the end of) at start.
struct FoundContainer {
    ContainerId container;
    std::int64_t pid = 0;
    bool running = false;
    std::optional<std::int32_t> status;  // Of one that ended while the agent was away.
    std::optional<Limitation> limitation;
    mesos::v1::ContainerStatus container_status = {};  // As in ContainerStarted.
    std::string data = {};                             // The same.
};

struct State;

/// The deciding part of an agent: registration, tasks with the built-in command executor, status
/// update streams, recovery, sandbox collection.
///
/// Duties of the caller: construct; perform recover()'s effects; then for each event perform
/// step()'s effects in order, and step(Tick{}) when next_deadline() is reached. One thread at a
/// time.
class Core {
public:
    /// `checkpoints`: all stored keys. A value that cannot be read drops that object alone and is
    /// named in a LogLine of recover(); with config.strict it fails with corrupt instead, and names
    /// the key.
    static Result<std::unique_ptr<Core>> create(CoreConfig config,
                                                std::map<std::string, std::string> checkpoints,
                                                std::uint64_t seed, Now now);
    ~Core();

    /// The containers that checkpoints say should live; the shell asks the containerizer for them.
    std::vector<ContainerId> expected_containers() const;
    /// Takes what was found; adopts, reports what ended, gives up what is lost.
    Effects recover(std::vector<FoundContainer> found, Now now);
    Effects step(Event event, Now now);
    Instant next_deadline() const;

    /// For reading (state.h): valid until the next step().
    const State& state() const;

private:
    explicit Core(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace tepui::agent
