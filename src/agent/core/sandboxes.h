#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

// Sandboxes: known from before their container is launched until gc_delay after its end, over
// restarts and for frameworks without checkpoints too.

/// work_dir/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>.
std::string sandbox_path(const State& state, const TaskRun& task);
std::string sandbox_path(const State& state, const ExecutorRun& executor);

/// The change to store before the container is launched.
CheckpointWrite sandbox_begins(State& state, const TaskRun& task);
CheckpointWrite sandbox_begins(State& state, const ContainerId& container, const std::string& path);
void sandbox_ended(Context& context, const ContainerId& container);
/// A task of a pod ended: its sandbox goes with the pod's, or on its own (gc_nested_sandboxes).
void nested_sandbox_ended(Context& context, const ContainerId& container, const std::string& path);
/// How old sandboxes may become on a disk of which `used` (0 to 1) is in use.
/// Source: Apache Mesos 1.12-dev, --gc_disk_headroom: delay * max(0, 1 - headroom - used).
Duration sandbox_age_max(const CoreConfig& config, double used);
/// Those that are older than the disk allows now are removed.
void on_disk_usage(Context& context, double used);
/// Why no sandbox and no checkpoint can be made for anything new; nothing when they can.
std::optional<std::string> disk_is_full(const State& state);
/// The sandbox is old enough: RemoveSandbox.
void on_sandbox_due(Context& context, const ContainerId& container);
/// After a restart: sandboxes whose containers are gone begin to age, the others' timers go on.
void recover_sandboxes(Context& context);

}  // namespace tepui::agent
