#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/error.h"
#include "base/ids.h"
#include "mesos/v1/mesos.pb.h"
#include "tepui/link.pb.h"

namespace tepui::agent {

struct CheckpointToken {
    std::uint64_t value = 0;
    auto operator<=>(const CheckpointToken&) const = default;
};

/// A connection to the leading master stands; the core registers on it.
struct MasterConnected {};
/// It broke, or the leader changed.
struct MasterDisconnected {};
struct MasterFrameReceived {
    link::ToAgent frame;
};

/// The batch of that token is durable.
struct CheckpointWritten {
    CheckpointToken token;
};

/// The container's process runs: fetched, in its cgroups and namespaces, past exec.
struct ContainerStarted {
    ContainerId container;
    std::int64_t pid = 0;  // In the agent's pid namespace.
};
/// It never ran; the error's text is for people. What had been made for it is gone again.
struct ContainerLaunchFailed {
    ContainerId container;
    Error error;
    bool sandbox_failed = false;  // The sandbox could not even be made (unknown user, full disk).
};

/// Why a container ended, besides its own exit.
struct Limitation {
    mesos::v1::TaskStatus::Reason reason;
    std::string message;
    mesos::v1::TaskResourceLimitation resources;
};

/// The container and all its processes are gone.
struct ContainerExited {
    ContainerId container;
    std::optional<std::int32_t> status;  // As wait(2) gives it; nothing when the shim was lost too.
    std::optional<Limitation> limitation;
};

/// The operator wants the agent to leave: end all tasks, unregister, forget the identity, end.
struct DepartureRequested {};

struct Tick {};

using Event = std::variant<MasterConnected, MasterDisconnected, MasterFrameReceived,
                           CheckpointWritten, ContainerStarted, ContainerLaunchFailed,
                           ContainerExited, DepartureRequested, Tick>;

}  // namespace tepui::agent
