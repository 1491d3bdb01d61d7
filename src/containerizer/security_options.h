#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace tepui::containerizer {

/// What tasks may do, as the agent's flags say. Defaults as in Mesos: nothing is taken away.
struct SecurityOptions {
    /// Bit masks of CAP_*. What a task has that asks for nothing; absent: what its user has.
    std::optional<std::uint64_t> effective_capabilities;
    /// What a task can get at most; absent: whatever the agent has.
    std::optional<std::uint64_t> bounding_capabilities;
    std::string seccomp_config_dir;    // Where profiles are; empty: there are none.
    std::string seccomp_profile_name;  // Of tasks that name none; empty: they are not confined.
    /// Of a /dev/shm whose task does not say; absent: half of the memory, as the kernel has it.
    std::optional<std::uint64_t> shm_bytes_default;
    bool disallow_sharing_agent_ipc_namespace = false;
    bool disallow_sharing_agent_pid_namespace = false;
};

}  // namespace tepui::containerizer
