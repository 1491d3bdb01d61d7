#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/cgroups/plan.h"

namespace tepui::containerizer::cgroups {

/// Where the host mounted which controllers.
struct Hierarchies {
    Version version = Version::v1;
    /// v1: controller -> mount point; v2: controller -> the one mount point. Several controllers
    /// may share one.
    std::map<std::string, std::string> mounts;

    bool has(const std::string& controller) const { return mounts.contains(controller); }
    /// The distinct mount points of `controllers`, in their order.
    std::vector<std::string> roots(const std::vector<std::string>& controllers) const;
};

/// Reads the text of /proc/self/mountinfo. A controller mounted by v1 wins over v2, as the kernel
/// gives it to one of them only. `v2_controllers(mount point)` is the text of its
/// cgroup.controllers.
Hierarchies find_hierarchies(std::string_view mountinfo,
                             const std::function<std::string(const std::string&)>& v2_controllers);

/// The same of this machine.
Hierarchies find_hierarchies();

/// The controllers that `isolation` needs; cpuacct counts what cpu limits and exists in v1 only, as
/// net_cls does; what v1 calls blkio is io in v2.
std::vector<std::string> needed_controllers(const Isolation& isolation, Version version);

}  // namespace tepui::containerizer::cgroups
