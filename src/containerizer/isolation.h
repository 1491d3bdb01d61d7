#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer {

/// What Options::isolation asks for.
struct Isolation {
    bool cpu = false;
    bool memory = false;
    bool pids = false;
    bool cpuset = false;
    bool blkio = false;
    bool devices = false;
    bool net_cls = false;
    bool perf_event = false;
    bool hugetlb = false;
    bool pid_namespace = false;
    bool mount_namespace = false;
    bool rlimits = false;

    bool any_cgroup() const {
        return cpu || memory || pids || cpuset || blkio || devices || net_cls || perf_event ||
               hugetlb;
    }
    bool operator==(const Isolation&) const = default;
};

/// Reads isolator names, Mesos' own. Fails with invalid_argument, with the reason, on a name that
/// is not known (naming those that are), that is named twice, that needs another or root, or that
/// excludes another. namespaces/pid, filesystem/linux and cgroups/* do without root what they can.
Result<Isolation> parse_isolation(const std::vector<std::string>& names, bool root = true);

/// Whether the launch itself does what `name` stands for (also posix/cpu and the like, which are
/// Mesos' words for no isolation), so that it may have no isolator of its own.
bool is_woven_in(std::string_view name);

}  // namespace tepui::containerizer
