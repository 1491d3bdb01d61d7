#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::cgroups {

using BlkioStatistics = mesos::v1::CgroupInfo::Blkio::Statistics;

/// Reads a control file of the container's blkio cgroup by its name; empty when there is none.
using ReadControl = std::function<std::string(const std::string& file)>;

/// Devices in the order in which the kernel lists them. The CFQ parts appear only where the kernel
/// has that scheduler (before Linux 5.0).
void blkio_v1(const ReadControl& read, BlkioStatistics& statistics);

/// `text` of io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" a line. Shown as v1's
/// throttling counters, which count the same.
void io_v2(std::string_view text, BlkioStatistics& statistics);

}  // namespace tepui::containerizer::cgroups
