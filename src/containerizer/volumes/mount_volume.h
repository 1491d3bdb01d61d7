#pragma once

#include <string>

#include "base/result.h"
#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// A volume whose content is at hand on the host.
struct HostVolume {
    std::string source;  // Absolute, without links in it.
    bool is_directory = true;
    std::string container_path;  // Absolute, or relative to the sandbox.
    bool read_only = false;
    std::uint64_t flags = 0;     // MS_*, besides.
    bool bidirectional = false;  // What either side mounts in it the other sees too.
};

/// Adds the volume to the plan. In a root filesystem of the container's own its path is made; on
/// the host's an absolute path must exist, and a relative one is made in the sandbox. Without a
/// mount namespace a relative path becomes a link, and all else is refused. Where it hides a part
/// of the host from a task that is not root's, the task gains no privileges by exec any more: it
/// could else show a set-uid program its own /etc. Source of the rules: Apache Mesos, volumes.
Result<void> mount_volume(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan& plan,
                          const HostVolume& volume);

/// Makes a directory beneath another one. Those that were missing belong to `owner`. Fails when a
/// link is in the way.
Result<void> make_owned_directories(int directory, const std::string& path, uid_t owner,
                                    gid_t group);

}  // namespace tepui::containerizer
