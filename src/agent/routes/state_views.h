#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/core/state.h"
#include "agent/routes/identity.h"
#include "mesos/v1/agent/agent.pb.h"
#include "resources/resources.h"
#include "wire/json_writer.h"

namespace tepui::agent {

/// The resources of a message; empty when they can't be read.
Resources read_resources(const ResourceList& list);
/// Resources of the executors and tasks that hold some, without their allocation.
Resources used_resources(const State& state);

/// The body of /state.
std::string state_json(const State& state, const Identity& identity);

/// Those whose end the master has not acknowledged.
mesos::v1::agent::Response::GetOperations get_operations(const State& state);
mesos::v1::agent::Response::GetTasks get_tasks(const State& state);
mesos::v1::agent::Response::GetExecutors get_executors(const State& state);
mesos::v1::agent::Response::GetFrameworks get_frameworks(const State& state);
mesos::v1::agent::Response::GetAgent get_agent(const State& state);
/// The containers that run, without statistics: of executors; with `nested`, of pods' tasks and
/// what operators launched in others; with `standalone` what they launched beside them.
mesos::v1::agent::Response::GetContainers get_containers(const State& state, bool nested,
                                                         bool standalone = false);
/// The containerizer's name of one of them.
ContainerId machine_name(const State& state,
                         const mesos::v1::agent::Response::GetContainers::Container& container);
/// ExecutorInfo.source of each executor, by container.
std::map<std::string, std::string> container_sources(const State& state);
/// The body of /containerizer/debug: the launches that are under way.
std::string containerizer_debug_json(const State& state);

/// Metrics by Mesos' names, those that have a meaning here.
std::map<std::string, double> metrics(const State& state, const Identity& identity, WallTime now);

}  // namespace tepui::agent
