#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "agent/core/check_probe.h"
#include "base/error.h"
#include "base/ids.h"
#include "mesos/v1/agent/agent.pb.h"
#include "mesos/v1/executor/executor.pb.h"
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
    /// What its containerizer tells of it: addresses of its own, cgroup handles.
    mesos::v1::ContainerStatus status = {};
    std::string data = {};  // For TaskStatus.data of TASK_RUNNING.
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

/// The container has the limits of that UpdateContainer, or could not be given them.
struct ContainerUpdated {
    ContainerId container;
    std::uint64_t sequence = 0;
    std::optional<Error> error;
};

/// An executor opened its event stream; the call passed check_executor_call().
struct ExecutorSubscribed {
    std::uint64_t connection = 0;  // Never used before.
    mesos::v1::executor::Call call;
};
/// That stream is closed, whoever closed it.
struct ExecutorDisconnected {
    std::uint64_t connection = 0;
};
/// Any other call of an executor; it passed check_executor_call().
struct ExecutorCalled {
    mesos::v1::executor::Call call;
};

/// An operator's call about a container; answered by AnswerAsker.
struct ContainerAsked {
    std::uint64_t request = 0;  // Never used before.
    std::shared_ptr<const mesos::v1::agent::Call> call;
};
/// Whoever made that request is gone.
struct AskerLeft {
    std::uint64_t request = 0;
};

/// The operator wants the agent to leave: end all tasks, unregister, forget the identity, end.
struct DepartureRequested {};

/// What part of the file system of the work directory is in use, 0 to 1.
struct DiskUsageMeasured {
    double used = 0;
};

/// Bytes that are left there; known before each launch.
struct DiskFreeMeasured {
    std::uint64_t bytes = 0;
};

/// The estimator says what can be offered as revocable, in all.
struct OversubscriptionEstimated {
    google::protobuf::RepeatedPtrField<mesos::v1::Resource> total;  // Each with `revocable`.
};
/// The QoS controller wants what a container holds of that.
struct ContainerPreempted {
    ContainerId container;
    std::string why;  // For the log.
};

/// A MakeVolume or RemoveVolume is done, or can't be.
struct VolumeChanged {
    std::string operation;
    std::optional<Error> error;
};

struct Tick {};

using Event =
    std::variant<MasterConnected, MasterDisconnected, MasterFrameReceived, CheckpointWritten,
                 ContainerStarted, ContainerLaunchFailed, ContainerExited, DepartureRequested, Tick,
                 ContainerUpdated, ExecutorSubscribed, ExecutorDisconnected, ExecutorCalled,
                 ProbeEnded, ContainerAsked, AskerLeft, DiskUsageMeasured, DiskFreeMeasured,
                 OversubscriptionEstimated, ContainerPreempted, VolumeChanged>;

}  // namespace tepui::agent
