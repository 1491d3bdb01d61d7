#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/cgroups/hierarchies.h"

namespace tepui::containerizer::cgroups {

/// Which of `wanted` the kernel has, by the text of /proc/cgroups, and `hierarchies` has not. One
/// of them may be in a hierarchy that is mounted elsewhere, or nowhere any more: mounting tells.
/// Those that v2 has taken are not among them when v2 is what is in use.
std::vector<std::string> mountable(std::string_view proc_cgroups,
                                   const std::vector<std::string>& wanted,
                                   const Hierarchies& hierarchies);

/// Mounts v1 controllers that --isolation names beside those that are mounted, as Mesos does, and
/// adds them to `hierarchies`. They stay mounted. What can't be mounted is left out: who needs it
/// says so.
void mount_missing(const std::vector<std::string>& isolation, Hierarchies& hierarchies);

}  // namespace tepui::containerizer::cgroups
