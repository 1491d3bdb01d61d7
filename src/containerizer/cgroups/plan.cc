#include "containerizer/cgroups/plan.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace tepui::containerizer::cgroups {
namespace {

constexpr std::uint64_t k_period_us = 100'000;
constexpr std::uint64_t k_quota_us_min = 1'000;
constexpr std::uint64_t k_shares_a_cpu = 1'024;
constexpr std::uint64_t k_low_shares_a_cpu = 10;
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
    const bool low = limits.cpus_low_priority;
    if (limits.cpus && version == Version::v1)
        settings.push_back(
            {"cpu", "cpu.shares",
             fmt::to_string(scaled(*limits.cpus, low ? k_low_shares_a_cpu : k_shares_a_cpu, 2,
                                   k_shares_max))});
    if (limits.cpus && version == Version::v2)
        settings.push_back(
            {"cpu", "cpu.weight", fmt::to_string(scaled(*limits.cpus, low ? 1 : 100, 1, 10'000))});
    if (!limits.cpus_limit) return;
    const bool unlimited = std::isinf(*limits.cpus_limit) && *limits.cpus_limit > 0;
    const std::uint64_t quota =
        scaled(*limits.cpus_limit, k_period_us, k_quota_us_min, std::uint64_t{1} << 40);
    if (version == Version::v2) {
        const std::string value = unlimited ? "max" : fmt::to_string(quota);
        settings.push_back({"cpu", "cpu.max", fmt::format("{} {}", value, k_period_us)});
        return;
    }
    if (!unlimited) settings.push_back({"cpu", "cpu.cfs_period_us", fmt::to_string(k_period_us)});
    settings.push_back({"cpu", "cpu.cfs_quota_us", unlimited ? "-1" : fmt::to_string(quota)});
}

void plan_memory(const Limits& limits, Version version, std::vector<Setting>& settings) {
    const bool v1 = version == Version::v1;
    const auto bytes = [&](double mem_mb) -> std::string {
        if (std::isinf(mem_mb) && mem_mb > 0) return v1 ? "-1" : "max";
        return fmt::to_string(memory_bytes(mem_mb));
    };
    const auto request = limits.mem_request_mb ? limits.mem_request_mb : limits.mem_mb;
    if (request && !std::isinf(*request))
        settings.push_back(
            {"memory", v1 ? "memory.soft_limit_in_bytes" : "memory.low", bytes(*request)});
    if (!limits.mem_mb) return;
    const std::string limit = bytes(*limits.mem_mb);
    settings.push_back({"memory", v1 ? "memory.limit_in_bytes" : "memory.max", limit});
    if (limits.limit_swap && v1)
        settings.push_back({"memory", "memory.memsw.limit_in_bytes", limit});
    // v2 counts swap apart: together they can only be limited by none of it.
    if (limits.limit_swap && !v1)
        settings.push_back({"memory", "memory.swap.max", limit == "max" ? "max" : "0", true});
    if (!v1) settings.push_back({"memory", "memory.oom.group", "1"});
}

}  // namespace

std::uint64_t memory_bytes(double mem_mb) {
    return scaled(std::max(mem_mb, k_mem_mb_min), 1 << 20, 1 << 20, std::uint64_t{1} << 60);
}

std::vector<Setting> plan(const Limits& limits, const Isolation& isolation, Version version) {
    std::vector<Setting> settings;
    if (isolation.cpu) plan_cpu(limits, version, settings);
    if (isolation.memory) plan_memory(limits, version, settings);
    if (isolation.pids && limits.pids_max)
        settings.push_back({"pids", "pids.max", fmt::to_string(*limits.pids_max)});
    return settings;
}

std::optional<int> oom_score_adj(std::optional<double> request_mb, std::optional<double> limit_mb,
                                 bool revocable, std::uint64_t machine_bytes) {
    if (revocable) return 1'000;
    const bool may_burst = request_mb && limit_mb && *limit_mb > *request_mb;
    if (!may_burst || machine_bytes == 0) return std::nullopt;
    const double share = *request_mb * (1 << 20) / static_cast<double>(machine_bytes);
    return static_cast<int>(1'000 - std::clamp(share, 0.0, 1.0) * 1'000);
}

}  // namespace tepui::containerizer::cgroups
