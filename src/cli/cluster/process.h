#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::cli {

/// A process that another one with the same number is never taken for.
struct ProcessRef {
    int pid = 0;
    std::uint64_t start_ticks = 0;  // Since boot; field 22 of /proc/PID/stat.
    bool operator==(const ProcessRef&) const = default;
};

/// The start ticks in the text of /proc/PID/stat, or nothing for a zombie or what is no such text.
std::optional<std::uint64_t> parse_start_ticks(std::string_view stat);

/// The process with this pid now, unless there is none or it is a zombie.
std::optional<ProcessRef> find_process(int pid);
bool is_alive(const ProcessRef& process);
/// Signals it if it is still the same process; false when it is gone or may not be signalled.
bool send_signal(const ProcessRef& process, int signal);

/// Starts this very program with `arguments`, in a process group of its own, with /dev/null as its
/// input, `log` (appended to) as both outputs, and without any MESOS_ or TEPUI_ variable.
Result<ProcessRef> start_daemon(const std::vector<std::string>& arguments, const std::string& log);

/// The last lines of a file, each behind "  | "; at most `lines` of them. Empty when it can't be
/// read.
std::string tail_of(const std::string& path, std::size_t lines);

/// The shims whose runtime directory lies beneath `runtime_dir`.
std::vector<ProcessRef> find_shims(const std::string& runtime_dir);

/// Kills every process in the cgroup tree `root` in any hierarchy and removes the tree. True when
/// nothing is left of it.
bool remove_cgroups(const std::string& root);

}  // namespace tepui::cli
