#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer {

/// What Options::isolation asks for.
struct Isolation {
    bool cpu = false;
    bool memory = false;
    bool pids = false;
    bool pid_namespace = false;
    bool mount_namespace = false;

    bool any_cgroup() const { return cpu || memory || pids; }
    bool operator==(const Isolation&) const = default;
};

/// Reads isolator names. Fails with invalid_argument on a name that is not known, naming those that
/// are. The posix/* names are Mesos' words for no isolation and are accepted.
Result<Isolation> parse_isolation(const std::vector<std::string>& names);

}  // namespace tepui::containerizer
