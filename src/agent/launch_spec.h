#pragma once

#include "agent/core/effect.h"
#include "base/result.h"
#include "containerizer/containerizer.h"

namespace tepui::agent {

/// Where this agent can be reached, for the tasks' environment.
struct AgentAddress {
    std::string ip;
    std::uint16_t port = 0;
};

/// What the containerizer is to do for a task. Fails with unsupported when the task asks for what
/// this agent has no isolation for (volumes that are not persistent): running it without would be
/// worse than not running it. `variables`: of every task's environment, beneath those that describe
/// the task.
Result<containerizer::LaunchSpec> make_launch_spec(
    const LaunchContainer& launch, const AgentAddress& address,
    const std::map<std::string, std::string>& variables = {});

/// The same for a custom executor: its command, with the environment that Mesos gives executors.
Result<containerizer::LaunchSpec> make_launch_spec(
    const LaunchExecutor& launch, const AgentAddress& address,
    const std::map<std::string, std::string>& variables = {});

/// The same of what an operator launches, within another container or on its own.
Result<containerizer::LaunchSpec> make_launch_spec(
    const LaunchNested& launch, const AgentAddress& address,
    const std::map<std::string, std::string>& variables = {});

/// The same of a pod: no process, only the place where its tasks' containers are, and their
/// network.
containerizer::LaunchSpec make_launch_spec(const LaunchPod& launch);

}  // namespace tepui::agent
