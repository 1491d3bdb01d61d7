#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::docker {

/// What the cgroups that process `pid` is in have used. Reads a few control files. Fails with
/// not_found when there is no such process.
Result<mesos::v1::ResourceStatistics> usage_of_process(std::int64_t pid);

/// The path of `controller` in the text of /proc/PID/cgroup; "" is that of v2. Empty: not there.
std::string cgroup_of(const std::string& text, const std::string& controller);

}  // namespace tepui::containerizer::docker
