#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/completed_task.h"
#include "agent/core/event.h"
#include "agent/core/pod_state.h"
#include "base/ids.h"
#include "base/time.h"

namespace tepui::agent {

/// Who runs the tasks in an executor's container.
enum class ExecutorKind : std::uint8_t {
    custom = 1,  // A process of the framework that speaks the v1 executor API.
    pod,         // The agent itself: the built-in default executor.
};

/// How far an executor has come.
enum class ExecutorPhase : std::uint8_t {
    persisting,   // Its checkpoint is being written; nothing was launched.
    launching,    // LaunchExecutor went out.
    running,      // Its process runs. Whether it listens tells ExecutorRun::connection.
    terminating,  // It was told to end, or its container is being destroyed.
    ended,        // The container is gone; updates of its tasks may wait for acknowledgements.
};

/// Why an executor is being ended; decides what its unfinished tasks become.
enum class ExecutorEnd : std::uint8_t {
    asked = 1,               // SHUTDOWN of the framework, or a fault of its own.
    never_used,              // Its only tasks were killed before they reached it.
    registration_timeout,    // It did not subscribe in time after its launch.
    reregistration_timeout,  // The same after a restart of the agent.
    update_failed,           // Its container could not be given its tasks' resources.
    framework_shutdown,      // Nobody is left to tell.
    departure,               // The agent leaves.
    drain,                   // The agent is drained, and the executor has no tasks any more.
};

/// Tasks that wait to be handed to a custom executor: one, or a whole group.
struct QueuedLaunch {
    std::vector<TaskId> tasks;
    bool group = false;
    bool durable = false;
    std::uint64_t update = 0;  // Waits for this ContainerUpdated; 0: none was asked for yet.
};

/// One executor and its container. Owned by its Framework. Its tasks are the framework's tasks
/// whose `executor` names it.
struct ExecutorRun {
    ExecutorKind kind = ExecutorKind::custom;
    mesos::v1::ExecutorInfo info;  // With framework_id; without secrets (secrets.h).
    std::shared_ptr<const mesos::v1::ExecutorInfo> whole;  // With them, until it is launched.
    FrameworkId framework;
    ContainerId container;
    std::string user;
    std::string sandbox;
    ExecutorPhase phase = ExecutorPhase::persisting;
    std::int64_t pid = 0;
    mesos::v1::ContainerStatus container_status;  // Of one that runs, as ContainerStarted told it.
    WallTime started;                             // Of its process; zero before.
    std::optional<std::int32_t> wait_status;      // Once ended, if it is known.

    // Of a custom executor:
    std::optional<std::uint64_t> connection;  // Its event stream; absent when it is not subscribed.
    std::deque<QueuedLaunch> queue;           // Not yet handed over, oldest first.
    std::uint64_t updates_asked = 0;          // UpdateContainer effects so far; names the last.
    bool used = false;                        // A task was handed to it.
    bool joined = false;                      // It has subscribed since the agent's start.
    bool awaited = false;  // It has to subscribe again after a restart of the agent.
    std::optional<ExecutorEnd> end;
    Duration grace{};        // From SHUTDOWN to the end of the container.
    bool destroyed = false;  // DestroyContainer went out.

    PodState pod;  // Of a pod, which uses `queue` and `updates_asked` too.

    std::deque<CompletedTask> completed;  // Its tasks that are over; oldest first, bounded.
};

/// An executor that is over, for the state endpoints.
struct CompletedExecutor {
    ExecutorKind kind = ExecutorKind::custom;
    mesos::v1::ExecutorInfo info;
    ContainerId container;
    std::string sandbox;
    std::deque<CompletedTask> completed;
};

}  // namespace tepui::agent
