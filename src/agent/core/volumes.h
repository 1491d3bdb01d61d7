#pragma once

#include <optional>
#include <string>

#include "agent/core/context.h"

namespace tepui::agent {

// Persistent volumes, and the other things that tasks may only use when this agent keeps them.

bool is_volume(const mesos::v1::Resource& resource);
bool has_volumes(const ResourceList& resources);

/// Adds the volumes among `resources` to `volumes`.
void add_volumes(const ResourceList& resources, ResourceList& volumes);
/// Of an executor and of its unfinished tasks.
ResourceList volumes_of(State& state, const ExecutorRun& executor);
/// Of an executor alone: those of a pod's tasks are in their own containers.
ResourceList volumes_of_itself(const ExecutorRun& executor);
/// Of the container that something is nested in, when it is an executor's or a command task's.
ResourceList volumes_of(State& state, const ContainerId& container);

/// Where a volume's data lies: WORK_DIR/volumes/roles/ROLE/ID on the root disk, the same beneath
/// the root of a PATH disk, and the root itself of a MOUNT disk; a relative root is one of the work
/// directory. '/' of nested roles becomes ' ', which no role has. Source: Apache Mesos, persistent
/// volumes.
std::string volume_path(const std::string& work_dir, const mesos::v1::Resource& volume);

/// Dynamic reservations and volumes among `resources` that this agent does not keep, as text.
std::optional<std::string> not_kept(const State& state, const ResourceList& resources);

/// Whether a task or executor that has not ended uses the volume at that path.
bool is_in_use(const State& state, const std::string& path);

}  // namespace tepui::agent
