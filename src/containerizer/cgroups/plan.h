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
    std::optional<double> cpus_limit = std::nullopt;  // Bandwidth; infinity takes one away.
    std::optional<double> mem_mb = std::nullopt;      // Hard limit; infinity takes one away.
    std::optional<std::uint64_t> pids_max = std::nullopt;
    std::optional<double> mem_request_mb = std::nullopt;  // Soft limit; absent: `mem_mb`.
    bool cpus_low_priority = false;                       // A hundredth of the share of others.
    bool limit_swap = false;  // `mem_mb` is of memory and swap together.
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
/// least 2, 10 a CPU of low priority; a period of 100 ms with a quota of at least 1 ms; at least 32
/// MB of memory, below which hardly a program starts; on v2 weight 100 a CPU within 1..10,000 and
/// the group dies as one when memory ends.
std::vector<Setting> plan(const Limits& limits, const Isolation& isolation, Version version);

/// The memory limit that plan() sets, in bytes; of a number, not of infinity.
std::uint64_t memory_bytes(double mem_mb);

/// The kernel's inclination to end this container first when the whole machine has no memory left,
/// -1,000 to 1,000: the less of the machine's memory a container asked for that may use more, the
/// sooner. Nothing for one whose limit is its request. `revocable`: it goes before all others.
/// Source: Mesos' rule for TaskInfo.limits, 1,000 - 1,000 * request / total.
std::optional<int> oom_score_adj(std::optional<double> request_mb, std::optional<double> limit_mb,
                                 bool revocable, std::uint64_t machine_bytes);

}  // namespace tepui::containerizer::cgroups
