#pragma once

#include <string>

namespace tepui::containerizer::oci {

/// Removes the cgroups at `path` (absolute from the mount points, nothing runs in it any more) in
/// every hierarchy of this machine: a runtime makes one in each, ours or not.
void remove_cgroups(const std::string& path);

/// The cgroup at `path` of the devices hierarchy of v1, which the runtime makes; empty: none.
std::string devices_cgroup(const std::string& path);

}  // namespace tepui::containerizer::oci
