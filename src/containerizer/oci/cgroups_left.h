#pragma once

#include <string>
#include <vector>

namespace tepui::containerizer::oci {

/// Removes the cgroups at `path` (absolute from the mount points, nothing runs in it any more) in
/// every hierarchy of this machine: a runtime makes one in each, ours or not.
void remove_cgroups(const std::string& path);

/// The same of the one around it, where there is nothing else in it; those of `kept` stay.
void remove_parent_cgroups(const std::string& path, const std::vector<std::string>& kept);

/// The cgroup at `path` of the devices hierarchy of v1, which the runtime makes; empty: none.
std::string devices_cgroup(const std::string& path);

}  // namespace tepui::containerizer::oci
