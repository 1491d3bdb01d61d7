#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace tepui::containerizer {

/// A process as /proc/<pid>/stat shows it.
struct ProcessStat {
    std::int64_t parent = 0;
    std::uint64_t user_ticks = 0;    // With those of children that it has reaped.
    std::uint64_t system_ticks = 0;  // The same.
    std::uint32_t threads = 0;
    std::uint64_t resident_pages = 0;
    bool operator==(const ProcessStat&) const = default;
};

/// Nothing for what is not such a line. Names of programs may hold spaces and parentheses.
std::optional<ProcessStat> parse_stat(std::string_view text);

/// The sums over a process and all that descend from it.
struct TreeUsage {
    std::uint64_t user_ticks = 0;
    std::uint64_t system_ticks = 0;
    std::uint32_t processes = 0;
    std::uint32_t threads = 0;
    std::uint64_t resident_pages = 0;
    bool operator==(const TreeUsage&) const = default;
};

TreeUsage usage_of_tree(const std::map<std::int64_t, ProcessStat>& processes, std::int64_t root);

}  // namespace tepui::containerizer
