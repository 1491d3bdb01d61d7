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
/// The sandbox is old enough: RemoveSandbox.
void on_sandbox_due(Context& context, const ContainerId& container);
/// After a restart: sandboxes whose containers are gone begin to age, the others' timers go on.
void recover_sandboxes(Context& context);

}  // namespace tepui::agent
