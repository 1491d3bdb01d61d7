#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// All tasks of a GET_TASKS answer, running ones first.
std::vector<mesos::v1::Task> all_tasks(const mesos::v1::master::Response& answer);

/// The task that a person means by `wanted`: the task of that id; else the only one whose id begins
/// so; else the only one of that name, where one that runs counts more than ended ones, and the
/// latest of several ended ones is taken. Fails with not_found, or with conflict naming candidates.
Result<mesos::v1::Task> find_task(const std::vector<mesos::v1::Task>& tasks,
                                  const std::string& wanted);

/// "ip:port" of the agent, from its pid ("slave(1)@ip:port"); not_found when it is not registered.
Result<std::string> agent_address(const mesos::v1::master::Response& agents,
                                  const std::string& agent_id);

/// Sum of a scalar resource in a list from the wire.
double scalar_sum(const google::protobuf::RepeatedPtrField<mesos::v1::Resource>& resources,
                  std::string_view name);

}  // namespace tepui::cli
