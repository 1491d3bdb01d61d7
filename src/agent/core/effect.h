#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/check_probe.h"
#include "agent/core/event.h"
#include "agent/core/nested_state.h"
#include "base/ids.h"
#include "base/severity.h"
#include "mesos/v1/executor/executor.pb.h"
#include "resources/resources.h"

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

/// The pod that a task's container is nested in.
struct PodPlace {
    ContainerId container;
    ExecutorId executor;
    ResourceList volumes = {};  // Persistent ones of the executor.
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
    std::optional<PodPlace> pod = std::nullopt;
};

/// What a container may use, summed over an executor and its tasks. Absent: nothing is asked for
/// (and nothing limited).
struct ContainerLimits {
    std::optional<double> cpus;        // Request.
    std::optional<double> cpus_limit;  // Absent: no task gives one. Infinity: none at all.
    std::optional<double> mem_mb;      // Limit; infinity: none.
    std::optional<double> mem_request_mb = std::nullopt;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ports = {};  // Inclusive.
    bool cpus_revocable = false;  // All of the CPUs are; such a container has low priority.
    bool operator==(const ContainerLimits&) const = default;
};

/// Launches a custom executor's container; answered as LaunchContainer is.
struct LaunchExecutor {
    ContainerId container;
    AgentId agent;
    mesos::v1::FrameworkInfo framework;
    mesos::v1::ExecutorInfo executor;
    ContainerLimits limits;  // With its first tasks.
    std::string user;
    std::string sandbox;          // Absolute path; made by the containerizer.
    Duration shutdown_grace;      // Told to it, as the two below.
    Duration recovery_timeout;    // How long it may wait for a lost agent.
    Duration subscription_delay;  // The longest before it subscribes again.
    ResourceList volumes = {};    // Persistent ones, its own and its first tasks'.
};

/// Makes a pod's container, in which nothing runs by itself; answered as LaunchContainer is.
struct LaunchPod {
    ContainerId container;
    ContainerLimits limits;  // With its first tasks.
    std::string user;
    std::string sandbox;                           // Absolute path; made by the containerizer.
    bool checkpoint = true;                        // Its framework does: it may outlive the agent.
    mesos::v1::ContainerInfo container_info = {};  // Of its executor: its networks are its tasks'.
    ResourceList volumes = {};                     // The same of persistent ones.
};

/// Gives a running container other limits; answered by ContainerUpdated.
struct UpdateContainer {
    ContainerId container;
    ContainerLimits limits;
    std::uint64_t sequence = 0;
    ResourceList volumes = {};  // All persistent ones that it is to have.
};

/// One event for the stream of that connection; dropped when it is not open any more.
struct SendToExecutor {
    std::uint64_t connection = 0;
    std::shared_ptr<const mesos::v1::executor::Event> event;
};
/// Ends that stream after what was sent.
struct CloseExecutor {
    std::uint64_t connection = 0;
};

/// Signals every process of the container's task (SIGTERM) or ends the container (SIGKILL to all).
struct SignalContainer {
    ContainerId container;
    int signal;
};
struct DestroyContainer {
    ContainerId container;
};
/// How the container ended will not be asked for any more, not by a later agent either.
struct ForgetContainer {
    ContainerId container;
};

/// Launches what an operator asked for; answered as LaunchContainer is.
struct LaunchNested {
    NestedKind kind = NestedKind::nested;
    ContainerId container;
    std::optional<ContainerId> parent;
    std::shared_ptr<const mesos::v1::agent::Call::LaunchContainer> launch;
    std::string user;     // Of a session empty: as the task.
    std::string sandbox;  // Absolute path; made by the containerizer. A session has none.
    bool checkpoint = true;
    ResourceList parent_volumes = {};  // Persistent ones of the container it is in.
};
/// The answer to a ContainerAsked.
struct AnswerAsker {
    std::uint64_t request = 0;
    std::optional<Error> error = std::nullopt;
    bool already = false;                            // It had been launched before.
    std::optional<ContainerEnd> end = std::nullopt;  // Of a wait.
};
/// Removes the sandbox of one that an operator launched: it may lie in a task's hands.
struct RemoveNestedSandbox {
    std::string path;
};

// Directories of persistent volumes. What is asked for one after the other is done in that order,
// and before any launch that was asked for later and has volumes.

/// Makes a volume's place; answered by VolumeChanged.
struct MakeVolume {
    std::string operation;  // Bytes of its uuid; empty after a restart, for what there is already.
    mesos::v1::Resource volume;
    bool fresh = true;  // Nothing may lie there yet, but on a disk that is the volume.
};
/// Deletes all that is in a volume; answered by VolumeChanged. What was done once for that
/// operation is not done again, also not after a restart.
struct RemoveVolume {
    std::string operation;
    mesos::v1::Resource volume;
};
/// Of removals only these are still to be remembered.
struct TidyVolumes {
    std::set<std::string> operations;
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

using Effect =
    std::variant<SendToMaster, ReconnectMaster, WriteCheckpoint, LaunchContainer, SignalContainer,
                 DestroyContainer, RemoveSandbox, EndAgent, LogLine, LaunchExecutor, LaunchPod,
                 UpdateContainer, SendToExecutor, CloseExecutor, StartProbe, StopProbes,
                 LaunchNested, AnswerAsker, RemoveNestedSandbox, ForgetContainer, MakeVolume,
                 RemoveVolume, TidyVolumes>;
using Effects = std::vector<Effect>;

}  // namespace tepui::agent
