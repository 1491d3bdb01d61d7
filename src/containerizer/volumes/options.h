#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace tepui::containerizer {

/// Volumes and secrets, as the agent's flags of the same names say.
struct VolumeOptions {
    /// Beneath these a directory of the host that a volume names is made when it is missing.
    std::vector<std::string> host_path_force_creation;
    std::string secret_dir;       // Files NAME/KEY or NAME; empty: only secrets by value.
    std::string secret_key_file;  // Of 32 bytes, or 64 hexadecimal digits; empty: plain files.
    bool docker_volume_chown = false;
    /// Where volume plugins listen, as Docker looks for them.
    std::string docker_plugin_dir = "/run/docker/plugins";
};

/// What disk/du, disk/xfs and the logs of containers are told.
struct DiskOptions {
    Duration watch_interval = 15s;
    bool enforce_quota = false;
    std::string xfs_project_range = "[5000-10000]";
    bool xfs_kill_containers = false;
    std::uint64_t xfs_quota_headroom_bytes = std::uint64_t{10} << 20;
};

}  // namespace tepui::containerizer
