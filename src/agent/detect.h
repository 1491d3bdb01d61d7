#pragma once

#include <cstdint>
#include <string>

#include "agent/options.h"
#include "base/result.h"
#include "resources/resources.h"

namespace tepui::agent {

/// What a machine has, before anything is set aside.
struct Machine {
    unsigned cores = 1;
    std::uint64_t memory_bytes = 0;
    std::uint64_t disk_bytes = 0;  // Of the file system of the work directory.
};

/// Reads it from the system. Fails with io when `work_dir` can't be looked at.
Result<Machine> inspect_machine(const std::string& work_dir);

/// The agent's total: `text` (--resources), and for each of cpus, mem, disk and ports that it does
/// not name what the machine gives: all cores; memory and disk but 1 GB and 5 GB (or half, when
/// there is less than twice that); ports 31000-32000. Source: Mesos' semantics, section 21.
Result<Resources> total_resources(std::string_view text, std::string_view default_role,
                                  const Machine& machine);

/// The id of this boot of the machine: /proc/sys/kernel/random/boot_id; empty when unreadable.
std::string read_boot_id();

/// AgentInfo as it is registered, without id. Fails when resources or attributes can't be read.
Result<mesos::v1::AgentInfo> make_agent_info(const AgentOptions& options, std::uint16_t port,
                                             const Machine& machine);

}  // namespace tepui::agent
