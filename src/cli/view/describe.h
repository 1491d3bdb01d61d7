#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/output/json_value.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::cli {

/// What `describe` knows of the cluster, and when that was.
struct DescribeView {
    mesos::v1::master::Response agents;
    mesos::v1::master::Response frameworks;
    mesos::v1::master::Response tasks;
    std::optional<JsonValue> agent_state;  // The /state of the object's agent, if it answered.
    double now = 0;                        // Seconds since the epoch.
    bool color = false;
};

/// One page about one object: who it is, how it is, what it has, what happened to it. Pure.
std::string describe_task(const mesos::v1::Task& task, const DescribeView& view);
std::string describe_agent(const mesos::v1::master::Response::GetAgents::Agent& agent,
                           const DescribeView& view);
std::string describe_framework(
    const mesos::v1::master::Response::GetFrameworks::Framework& framework, bool completed,
    const DescribeView& view);

/// What an agent's /state tells of a task's executor.
struct ExecutorPlace {
    std::string directory;  // The sandbox as the agent's host sees it.
    std::string container;
};
std::optional<ExecutorPlace> executor_place(const JsonValue& agent_state,
                                            const std::string& framework,
                                            const std::string& executor);

}  // namespace tepui::cli
