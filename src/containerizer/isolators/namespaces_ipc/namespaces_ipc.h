#pragma once

#include <memory>
#include <optional>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// namespaces/ipc.
std::unique_ptr<Isolator> make_namespaces_ipc(const IsolatorContext& context);

/// What a container gets.
struct IpcPlan {
    bool own = false;                        // Else that of its parent, or the agent's.
    std::optional<std::uint64_t> shm_bytes;  // Of an own /dev/shm; absent: the kernel's default.
    bool operator==(const IpcPlan&) const = default;
};

/// A container says, or a top-level one has its own and a nested one its parent's. Fails with
/// invalid_argument on a size without a /dev/shm of its own, and with denied where it would share
/// the agent's and may not.
Result<IpcPlan> plan_ipc(const mesos::v1::LinuxInfo& asked, bool nested,
                         const SecurityOptions& flags);

}  // namespace tepui::containerizer
