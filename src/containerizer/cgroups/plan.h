#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "containerizer/isolation.h"

namespace tepui::containerizer::cgroups {

/// What a container may use, in the words of the API.
struct Limits {
    std::optional<double> cpus = std::nullopt;        // Share of the machine under contention.
    std::optional<double> cpus_limit = std::nullopt;  // Bandwidth; nothing: none.
    std::optional<double> mem_mb = std::nullopt;      // Hard limit.
    std::optional<std::uint64_t> pids_max = std::nullopt;
};

/// One write to a control file of the container's cgroup.
struct Setting {
    std::string controller;  // "cpu", "memory", "pids"
    std::string file;
    std::string value;
    bool optional = false;  // Older kernels lack the file.

    bool operator==(const Setting&) const = default;
};

enum class Version : std::uint8_t { v1, v2 };

/// The writes that make the kernel hold `limits`, in order. Sources: cpu.shares 1,024 a CPU and at
/// least 2; a period of 100 ms with a quota of at least 1 ms; at least 32 MB of memory, below which
/// hardly a program starts; on v2 weight 100 a CPU within 1..10,000 and the group dies as one when
/// memory ends.
std::vector<Setting> plan(const Limits& limits, const Isolation& isolation, Version version);

/// The memory limit that plan() sets, in bytes.
std::uint64_t memory_bytes(double mem_mb);

}  // namespace tepui::containerizer::cgroups
