#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace tepui::containerizer {

/// Inclusive.
using NumberRange = std::pair<std::uint32_t, std::uint32_t>;

/// A device as --allowed_devices names it.
struct AllowedDevice {
    std::string path;  // Of the host.
    bool read = false;
    bool write = false;
    bool mknod = false;
    bool operator==(const AllowedDevice&) const = default;
};

/// What the cgroups/* isolators are told by flags; defaults as in Mesos.
struct CgroupOptions {
    bool limit_swap = false;                 // The memory limit is one of memory and swap.
    bool revocable_cpu_low_priority = true;  // A hundredth of the shares of other CPUs.
    std::optional<std::uint16_t> net_cls_primary_handle;
    NumberRange net_cls_secondary_handles{1, 0xffff};
    std::vector<std::string> perf_events;  // Empty: nothing is sampled.
    Duration perf_interval = std::chrono::minutes{1};
    Duration perf_duration = std::chrono::seconds{10};
    std::vector<AllowedDevice> allowed_devices;  // Beside those that every container has.
};

/// Of network/ports.
struct PortOptions {
    Duration watch_interval = std::chrono::seconds{30};
    bool enforce = false;           // False: only logged.
    bool agent_range_only = false;  // Ports that the agent does not offer are nobody's business.
    std::vector<NumberRange> agent_range;                    // What it offers.
    std::optional<std::vector<NumberRange>> isolated_range;  // Absent: every port.
};

/// Of gpu/nvidia.
struct GpuOptions {
    std::optional<std::vector<std::uint32_t>> devices;  // Their numbers; absent: all there are.
};

}  // namespace tepui::containerizer
