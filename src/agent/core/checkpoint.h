#pragma once

#include <map>
#include <string>

#include "agent/core/state.h"

namespace tepui::agent {

// Keys and values of the checkpoint store. A task is three kinds of keys beneath its container's
// name: `info` (written once), `state` (small, rewritten) and one per pending update. An executor
// is `info` and `state` beneath its container's name.

std::string identity_key();
std::string framework_key(const FrameworkId& framework);
std::string task_info_key(const ContainerId& container);
std::string task_state_key(const ContainerId& container);
std::string update_key(const ContainerId& container, std::uint64_t sequence);
/// Of a custom executor's task: uuids of the updates it sent.
std::string task_uuids_key(const ContainerId& container);
/// Of a task that is displaced: who displaces it.
std::string task_displaced_key(const ContainerId& container);
std::string executor_info_key(const ContainerId& container);
std::string executor_state_key(const ContainerId& container);
std::string sandbox_key(const ContainerId& container);
/// What an operator launched. Its name comes from outside: escaped.
std::string nested_key(const ContainerId& container);

/// Dynamic reservations and persistent volumes: of the machine, whatever id the agent has.
std::string kept_key();
std::string operation_key(const std::string& uuid);
std::string drain_key();

/// Id, AgentInfo, highest epoch seen and boot id.
CheckpointWrite identity_write(const State& state);
CheckpointWrite framework_write(const Framework& framework);
CheckpointWrite task_info_write(const TaskRun& task);
CheckpointWrite task_state_write(const TaskRun& task);
CheckpointWrite task_uuids_write(const TaskRun& task);
CheckpointWrite task_displaced_write(const TaskRun& task);
CheckpointWrite executor_info_write(const ExecutorRun& executor);
CheckpointWrite executor_state_write(const ExecutorRun& executor);
CheckpointWrite update_write(const ContainerId& container, const PendingUpdate& update);
CheckpointWrite sandbox_write(const ContainerId& container, const Sandbox& sandbox);
CheckpointWrite nested_write(const NestedRun& run);
CheckpointWrite kept_write(const Resources& kept);
CheckpointWrite operation_write(const OperationRun& run);
CheckpointWrite drain_write(const Drain& drain);

/// Fills `state` (just made) from what was stored. What cannot be read is left out, named in
/// state.load_log and listed in state.broken_keys. Keeps the first of
/// them in state.broken. Sets `refused` when the stored agent does not
/// fit the configuration, and `boot_changed`.
void load_checkpoints(State& state, const std::map<std::string, std::string>& stored, Now now);

}  // namespace tepui::agent
