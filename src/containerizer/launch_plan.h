#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/containerizer.h"
#include "containerizer/isolation.h"
#include "containerizer/user.h"
#include "shim/protocol.h"

namespace tepui::containerizer {

/// What the shim is to do, before descriptors exist. Pure: made from the spec alone.
struct LaunchPlan {
    std::string container;
    std::vector<std::string> argv;         // First the program, then its argv from argv[0] on.
    std::vector<std::string> environment;  // "NAME=value", each name once.
    std::vector<shim_rlimit> rlimits;
    std::uint32_t flags = 0;   // shim_flag
    std::optional<User> user;  // When SHIM_SWITCH_USER is set.
    std::vector<std::string> cgroups;
    std::string memory_cgroup;
    std::string pids_cgroup;
    std::uint64_t log_bytes_max = 0;
    std::uint32_t log_files_max = 1;
    std::int64_t orphan_ms_max = -1;  // How long it lives without an agent; -1: for ever.
};

/// The program and its arguments: /bin/sh -c for a shell command, else `value` found in the task's
/// PATH with `arguments` as its argv, argv[0] included. The first of the answer is the program.
Result<std::vector<std::string>> plan_argv(const mesos::v1::CommandInfo& command);

/// The environment, low to high: a default PATH, `given`, the command's own variables.
Result<std::vector<std::string>> plan_environment(const std::map<std::string, std::string>& given,
                                                  const mesos::v1::CommandInfo& command);

/// The kernel's numbers of `limits`. Fails when one has only a soft or only a hard value.
Result<std::vector<shim_rlimit>> plan_rlimits(const mesos::v1::RLimitInfo& limits);

/// The bytes of the shim's memfd.
std::string encode_plan(const LaunchPlan& plan, int listen_fd, int sandbox_fd, int runtime_fd);

}  // namespace tepui::containerizer
