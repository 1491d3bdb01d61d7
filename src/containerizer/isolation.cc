#include "containerizer/isolation.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tepui::containerizer {
namespace {

struct Row {
    std::string_view name;
    void (*apply)(Isolation&) = [](Isolation&) {};
    std::string_view needs = {};  // Another one that must be named too.
    bool needs_root = false;
    std::string_view refused = {};  // Why this name of Mesos' is not taken.
    bool woven_in = false;          // The launch itself does it, also where `apply` is nothing.
};

// Every name that Mesos has, in its groups. What an isolator of its own folder does, its maker in
// isolators/make_isolators.cc tells; `apply` is for those that are woven into the launch itself.
constexpr std::array k_rows{
    Row{.name = "cgroups/all",
        .apply =
            [](Isolation& i) {
                i.cpu = i.memory = i.pids = i.cpuset = i.blkio = i.devices = i.net_cls =
                    i.perf_event = i.hugetlb = true;
            }},
    Row{.name = "cgroups/blkio", .apply = [](Isolation& i) { i.blkio = true; }},
    Row{.name = "cgroups/cpu", .apply = [](Isolation& i) { i.cpu = true; }},
    Row{.name = "cgroups/cpuset", .apply = [](Isolation& i) { i.cpuset = true; }},
    Row{.name = "cgroups/devices", .apply = [](Isolation& i) { i.devices = true; }},
    Row{.name = "cgroups/hugetlb", .apply = [](Isolation& i) { i.hugetlb = true; }},
    Row{.name = "cgroups/mem", .apply = [](Isolation& i) { i.memory = true; }},
    Row{.name = "cgroups/net_cls", .apply = [](Isolation& i) { i.net_cls = true; }},
    Row{.name = "cgroups/perf_event", .apply = [](Isolation& i) { i.perf_event = true; }},
    Row{.name = "cgroups/pids", .apply = [](Isolation& i) { i.pids = true; }},
    Row{.name = "disk/du"},
    Row{.name = "disk/xfs", .needs_root = true},
    Row{.name = "docker/runtime", .needs = "filesystem/linux", .needs_root = true},
    Row{.name = "docker/volume", .needs = "filesystem/linux", .needs_root = true},
    Row{.name = "environment_secret", .woven_in = true},
    Row{.name = "filesystem/linux", .apply = [](Isolation& i) { i.mount_namespace = true; }},
    Row{.name = "filesystem/posix", .woven_in = true},
    Row{.name = "gpu/nvidia", .needs = "cgroups/devices", .needs_root = true},
    Row{.name = "linux/capabilities", .needs_root = true},
    Row{.name = "linux/devices", .needs = "filesystem/linux", .needs_root = true},
    Row{.name = "linux/nnp"},
    Row{.name = "linux/seccomp"},
    Row{.name = "namespaces/ipc", .needs = "filesystem/linux", .needs_root = true},
    Row{.name = "namespaces/pid", .apply = [](Isolation& i) { i.pid_namespace = true; }},
    Row{.name = "network/cni", .needs = "filesystem/linux", .needs_root = true},
    Row{.name = "network/ports"},
    Row{.name = "posix/cpu", .woven_in = true},
    Row{.name = "posix/disk"},
    Row{.name = "posix/mem", .woven_in = true},
    Row{.name = "posix/rlimits", .apply = [](Isolation& i) { i.rlimits = true; }},
    Row{.name = "volume/host_path", .needs = "filesystem/linux", .needs_root = true},
    Row{.name = "volume/image", .needs = "filesystem/linux", .needs_root = true},
    Row{.name = "volume/sandbox_path"},
    Row{.name = "volume/secret", .needs = "filesystem/linux", .needs_root = true},
    Row{.name = "appc/runtime",
        .refused = "there are no Appc images here; docker/runtime runs "
                   "Docker and OCI images"},
    Row{.name = "network/port_mapping",
        .refused = "network/cni with a bridge and port mappings does its work"},
    Row{.name = "volume/csi",
        .refused = "there are no CSI volumes here; docker/volume drives "
                   "volume plugins"},
};

struct Contradiction {
    std::string_view one;
    std::string_view other;
    std::string_view why;
};

constexpr std::array k_contradictions{
    Contradiction{"filesystem/linux", "filesystem/posix",
                  "a task has its own view of the file system, or the host's"},
    Contradiction{"cgroups/cpu", "posix/cpu", "CPUs are limited, or they are not"},
    Contradiction{"cgroups/all", "posix/cpu", "CPUs are limited, or they are not"},
    Contradiction{"cgroups/mem", "posix/mem", "memory is limited, or it is not"},
    Contradiction{"cgroups/all", "posix/mem", "memory is limited, or it is not"},
    Contradiction{"disk/du", "disk/xfs", "the use of disks is counted by one of them"},
    Contradiction{"disk/du", "posix/disk", "both are the same"},
    Contradiction{"disk/xfs", "posix/disk", "the use of disks is counted by one of them"},
};

const Row* find_row(std::string_view name) {
    const auto found = std::ranges::find(k_rows, name, &Row::name);
    return found == k_rows.end() ? nullptr : &*found;
}

std::string known_names() {
    std::string known;
    for (const Row& row : k_rows) {
        if (!row.refused.empty()) continue;
        if (!known.empty()) known += ", ";
        known += row.name;
    }
    return known;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    if (std::ranges::find(names, name) != names.end()) return true;
    return name.starts_with("cgroups/") && name != "cgroups/all" &&
           std::ranges::find(names, "cgroups/all") != names.end();
}

Result<void> check_row(const Row& row, const std::vector<std::string>& names, bool root) {
    if (!row.refused.empty())
        return fail(Errc::invalid_argument, "the isolator {} is not to be had: {}", row.name,
                    row.refused);
    if (std::ranges::count(names, row.name) > 1)
        return fail(Errc::invalid_argument, "the isolator {} is named twice", row.name);
    if (!row.needs.empty() && !contains(names, row.needs))
        return fail(Errc::invalid_argument, "the isolator {} needs {}: add it to --isolation",
                    row.name, row.needs);
    if (row.needs_root && !root)
        return fail(Errc::invalid_argument,
                    "the isolator {} needs root: run the agent as root, or without it", row.name);
    return {};
}

}  // namespace

Result<Isolation> parse_isolation(const std::vector<std::string>& names, bool root) {
    Isolation isolation;
    for (const std::string& name : names) {
        const Row* row = find_row(name);
        if (row == nullptr)
            return fail(Errc::invalid_argument, "unknown isolator '{}'; known are: {}", name,
                        known_names());
        TEPUI_CHECK_OK(check_row(*row, names, root));
        row->apply(isolation);
    }
    for (const Contradiction& each : k_contradictions)
        if (std::ranges::find(names, each.one) != names.end() &&
            std::ranges::find(names, each.other) != names.end())
            return fail(Errc::invalid_argument, "the isolators {} and {} exclude each other: {}",
                        each.one, each.other, each.why);
    return isolation;
}

bool is_woven_in(std::string_view name) {
    const Row* row = find_row(name);
    if (row == nullptr) return false;
    Isolation isolation;
    row->apply(isolation);
    return row->woven_in || isolation != Isolation{};
}

}  // namespace tepui::containerizer
