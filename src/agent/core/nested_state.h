#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/core/event.h"
#include "base/ids.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::agent {

/// What an operator launched on this agent, beside what the master did.
enum class NestedKind : std::uint8_t {
    nested = 1,  // In a container of an executor, of a task, or of another of these.
    session,     // The same for somebody who talks to it; ends with the connection.
    standalone,  // On its own.
};

enum class NestedPhase : std::uint8_t {
    persisting = 1,  // Its checkpoint is being written; nothing was launched.
    launching,
    running,
    ended,  // Its end is remembered until it is removed, or the one around it is gone.
};

/// How a container ended.
struct ContainerEnd {
    std::optional<std::int32_t> status;  // As wait(2) gives it.
    std::optional<Limitation> limitation;
};

struct NestedRun {
    NestedKind kind = NestedKind::nested;
    mesos::v1::ContainerID id;
    ContainerId container;              // The machine's name of it.
    std::optional<ContainerId> parent;  // The same of the one it is in.
    std::string user;
    std::string sandbox;  // A session has none.
    bool terminal = false;
    bool checkpoint = true;  // It may outlive this agent.
    NestedPhase phase = NestedPhase::persisting;
    bool destroyed = false;  // Before it ran.
    std::int64_t pid = 0;
    mesos::v1::ContainerStatus container_status;  // Of one that runs, as ContainerStarted told it.
    ContainerEnd end;
    /// Who waits for the launch; of a session, who talks to it.
    std::optional<std::uint64_t> launcher;
};

}  // namespace tepui::agent
