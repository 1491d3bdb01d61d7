#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/core/event.h"
#include "base/ids.h"
#include "base/severity.h"

namespace tepui::agent {

struct SendToMaster {
    std::shared_ptr<const link::ToMaster> frame;
};

/// Drops the connection and looks for the leading master anew.
struct ReconnectMaster {};

/// One change of the checkpoint store; no value means removal.
struct CheckpointWrite {
    std::string key;
    std::optional<std::string> value;
    bool operator==(const CheckpointWrite&) const = default;
};

/// Stores the writes, then feeds CheckpointWritten{token}.
struct WriteCheckpoint {
    CheckpointToken token;
    std::vector<CheckpointWrite> writes;
};

/// Launches a task's container; answered by ContainerStarted or ContainerLaunchFailed, later by
/// ContainerExited.
struct LaunchContainer {
    ContainerId container;
    AgentId agent;
    mesos::v1::FrameworkInfo framework;
    mesos::v1::TaskInfo task;
    std::string user;
    std::string sandbox;  // Absolute path; made by the containerizer.
};

/// Signals every process of the container's task (SIGTERM) or ends the container (SIGKILL to all).
struct SignalContainer {
    ContainerId container;
    int signal;
};
struct DestroyContainer {
    ContainerId container;
};

/// Removes a sandbox now.
struct RemoveSandbox {
    std::string path;
};

/// The agent may not go on (refused by the master, incompatible checkpoint), or has left as it was
/// asked to: the process ends with this text. Containers that must not live on are gone by then;
/// those that still run (a checkpoint that does not fit) are left as they are for the next start.
struct EndAgent {
    std::string why;
    bool failed = true;  // False: it left.
};

/// A line for the log.
struct LogLine {
    Severity severity;
    std::string text;
};

using Effect = std::variant<SendToMaster, ReconnectMaster, WriteCheckpoint, LaunchContainer,
                            SignalContainer, DestroyContainer, RemoveSandbox, EndAgent, LogLine>;
using Effects = std::vector<Effect>;

}  // namespace tepui::agent
