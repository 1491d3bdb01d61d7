#include "containerizer/cgroups/plan.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

namespace tepui::containerizer::cgroups {
namespace {

constexpr std::uint64_t k_period_us = 100'000;
constexpr std::uint64_t k_quota_us_min = 1'000;
constexpr std::uint64_t k_shares_a_cpu = 1'024;
constexpr std::uint64_t k_shares_max = 262'144;  // The kernel's.
constexpr double k_mem_mb_min = 32;

/// value * scale rounded, within bounds; NaN gives the lower one.
std::uint64_t scaled(double value, std::uint64_t scale, std::uint64_t low, std::uint64_t high) {
    const double product = value * static_cast<double>(scale);
    if (!(product > static_cast<double>(low))) return low;
    if (product >= static_cast<double>(high)) return high;
    return static_cast<std::uint64_t>(std::llround(product));
}

void plan_cpu(const Limits& limits, Version version, std::vector<Setting>& settings) {
    if (limits.cpus && version == Version::v1)
        settings.push_back({"cpu", "cpu.shares",
                            fmt::to_string(scaled(*limits.cpus, k_shares_a_cpu, 2, k_shares_max))});
    if (limits.cpus && version == Version::v2)
        settings.push_back(
            {"cpu", "cpu.weight", fmt::to_string(scaled(*limits.cpus, 100, 1, 10'000))});
    if (!limits.cpus_limit || std::isinf(*limits.cpus_limit)) return;
    const std::uint64_t quota =
        scaled(*limits.cpus_limit, k_period_us, k_quota_us_min, std::uint64_t{1} << 40);
    if (version == Version::v2) {
        settings.push_back({"cpu", "cpu.max", fmt::format("{} {}", quota, k_period_us)});
        return;
    }
    settings.push_back({"cpu", "cpu.cfs_period_us", fmt::to_string(k_period_us)});
    settings.push_back({"cpu", "cpu.cfs_quota_us", fmt::to_string(quota)});
}

}  // namespace

std::uint64_t memory_bytes(double mem_mb) {
    return scaled(std::max(mem_mb, k_mem_mb_min), 1 << 20, 1 << 20, std::uint64_t{1} << 60);
}

std::vector<Setting> plan(const Limits& limits, const Isolation& isolation, Version version) {
    std::vector<Setting> settings;
    if (isolation.cpu) plan_cpu(limits, version, settings);
    if (isolation.memory && limits.mem_mb) {
        const std::string bytes = fmt::to_string(memory_bytes(*limits.mem_mb));
        if (version == Version::v1) {
            settings.push_back({"memory", "memory.soft_limit_in_bytes", bytes});
            settings.push_back({"memory", "memory.limit_in_bytes", bytes});
        } else {
            settings.push_back({"memory", "memory.low", bytes});
            settings.push_back({"memory", "memory.max", bytes});
            settings.push_back({"memory", "memory.oom.group", "1"});
        }
    }
    if (isolation.pids && limits.pids_max)
        settings.push_back({"pids", "pids.max", fmt::to_string(*limits.pids_max)});
    return settings;
}

}  // namespace tepui::containerizer::cgroups
