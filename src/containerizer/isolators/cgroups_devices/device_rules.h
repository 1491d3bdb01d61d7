#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/cgroups/options.h"
#include "containerizer/launch_plan.h"

namespace tepui::containerizer {

/// What may be done with some devices. Absent numbers stand for all.
struct DeviceRule {
    char kind = 'c';  // Or 'b'.
    std::optional<std::uint32_t> major = std::nullopt;
    std::optional<std::uint32_t> minor = std::nullopt;
    bool read = true;
    bool write = true;
    bool mknod = true;
    bool operator==(const DeviceRule&) const = default;
};

/// The rule of a device node of the host; the node must exist.
Result<DeviceRule> rule_of(const AllowedDevice& device);

/// Everything that a container may do with devices: what every one may (make nodes; use null, zero,
/// full, random, urandom, tty, console, ptmx, terminals, tun), what `allowed` adds, and the devices
/// of the plan. Source: the list of Mesos' cgroups/devices.
std::vector<DeviceRule> device_rules(const std::vector<DeviceRule>& allowed,
                                     const std::vector<DevicePlan>& devices);

/// As devices.allow of cgroups v1 takes it: "c 1:3 rwm".
std::string to_v1(const DeviceRule& rule);

/// One instruction of the kernel's packet filter machine, as bpf(2) takes it.
struct BpfInstruction {
    std::uint8_t code = 0;
    std::uint8_t registers = 0;  // Destination in the lower four bits, source in the upper.
    std::int16_t offset = 0;
    std::int32_t immediate = 0;
    bool operator==(const BpfInstruction&) const = default;
};

/// The program that cgroups v2 asks about each use of a device: 1 when one of `rules` allows all
/// that is asked for, else 0.
std::vector<BpfInstruction> to_v2(const std::vector<DeviceRule>& rules);

}  // namespace tepui::containerizer
