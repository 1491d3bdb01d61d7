#include "containerizer/isolation.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "containerizer/isolator_table.h"

namespace tepui::containerizer {
namespace {

struct Row {
    std::string_view name;
    std::string_view gives = {};  // What a task has of it.
    void (*apply)(Isolation&) = [](Isolation&) {};
    std::string_view needs = {};  // Another one that must be named too.
    bool needs_root = false;
    std::string_view refused = {};  // Why this name of Mesos' is not taken.
    bool woven_in = false;          // The launch itself does it, also where `apply` is nothing.
};

// Every name that Mesos has, in its groups; docs/reference/isolators.md is made of it. What an
// isolator of its own folder does, its maker in isolators/make_isolators.cc tells; `apply` is for
// those that are woven into the launch itself.
constexpr std::array k_rows{
    Row{.name = "cgroups/all",
        .gives = "all of cgroups/* that the machine has",
        .apply =
            [](Isolation& i) {
                i.cpu = i.memory = i.pids = i.cpuset = i.blkio = i.devices = i.net_cls =
                    i.perf_event = i.hugetlb = true;
            }},
    Row{.name = "cgroups/blkio",
        .gives = "what it reads and writes of block devices is counted",
        .apply = [](Isolation& i) { i.blkio = true; }},
    Row{.name = "cgroups/cpu",
        .gives = "a share of the CPUs by its request, a quota by its limit",
        .apply = [](Isolation& i) { i.cpu = true; }},
    Row{.name = "cgroups/cpuset",
        .gives = "a cpuset of its own, for an operator to narrow",
        .apply = [](Isolation& i) { i.cpuset = true; }},
    Row{.name = "cgroups/devices",
        .gives = "the usual device nodes and those that are allowed, no others",
        .apply = [](Isolation& i) { i.devices = true; }},
    Row{.name = "cgroups/hugetlb",
        .gives = "a cgroup of its own for huge pages, for an operator to limit",
        .apply = [](Isolation& i) { i.hugetlb = true; }},
    Row{.name = "cgroups/mem",
        .gives = "a limit of memory; the kernel prefers the request",
        .apply = [](Isolation& i) { i.memory = true; }},
    Row{.name = "cgroups/net_cls",
        .gives = "its packets carry a traffic class of their own",
        .apply = [](Isolation& i) { i.net_cls = true; }},
    Row{.name = "cgroups/perf_event",
        .gives = "perf events of its processes are sampled",
        .apply = [](Isolation& i) { i.perf_event = true; }},
    Row{.name = "cgroups/pids",
        .gives = "a limit of processes and threads",
        .apply = [](Isolation& i) { i.pids = true; }},
    Row{.name = "disk/du", .gives = "the use of its sandbox is counted, and limited by flag"},
    Row{.name = "disk/xfs",
        .gives = "the kernel refuses writes beyond its disk",
        .needs_root = true},
    Row{.name = "docker/runtime",
        .gives = "the root filesystem and settings of a Docker or OCI image",
        .needs = "filesystem/linux",
        .needs_root = true},
    Row{.name = "docker/volume",
        .gives = "volumes of Docker's plugins",
        .needs = "filesystem/linux",
        .needs_root = true},
    Row{.name = "environment_secret", .gives = "secrets as variables; always on", .woven_in = true},
    Row{.name = "filesystem/linux",
        .gives = "its own view of the file system",
        .apply = [](Isolation& i) { i.mount_namespace = true; }},
    Row{.name = "filesystem/posix",
        .gives = "the host's file system; volumes are links in the sandbox",
        .woven_in = true},
    Row{.name = "gpu/nvidia",
        .gives = "whole GPUs",
        .needs = "cgroups/devices",
        .needs_root = true},
    Row{.name = "linux/capabilities", .gives = "some of root's powers", .needs_root = true},
    Row{.name = "linux/devices",
        .gives = "device nodes that whatever user may use",
        .needs = "filesystem/linux",
        .needs_root = true},
    Row{.name = "linux/nnp", .gives = "no program gives it more rights than it has"},
    Row{.name = "linux/seccomp", .gives = "some system calls are refused"},
    Row{.name = "namespaces/ipc",
        .gives = "message queues, semaphores and shared memory of its own",
        .needs = "filesystem/linux",
        .needs_root = true},
    Row{.name = "namespaces/pid",
        .gives = "it sees and signals its own processes alone",
        .apply = [](Isolation& i) { i.pid_namespace = true; }},
    Row{.name = "network/cni",
        .gives = "addresses and ports of its own, in networks made by CNI plugins",
        .needs = "filesystem/linux",
        .needs_root = true},
    Row{.name = "network/ports",
        .gives = "it ends when it listens on a port that it was not given"},
    Row{.name = "posix/cpu", .gives = "no limit of CPUs; their use is counted", .woven_in = true},
    Row{.name = "posix/disk", .gives = "Mesos' other word for disk/du"},
    Row{.name = "posix/mem", .gives = "no limit of memory; its use is counted", .woven_in = true},
    Row{.name = "posix/rlimits",
        .gives = "limits of each process (open files, core dumps, ...)",
        .apply = [](Isolation& i) { i.rlimits = true; }},
    Row{.name = "volume/host_path",
        .gives = "files and directories of the host",
        .needs = "filesystem/linux",
        .needs_root = true},
    Row{.name = "volume/image",
        .gives = "the files of an image as a volume",
        .needs = "filesystem/linux",
        .needs_root = true},
    Row{.name = "volume/sandbox_path",
        .gives = "directories of its sandbox, or of its pod's, elsewhere"},
    Row{.name = "volume/secret",
        .gives = "secrets as files",
        .needs = "filesystem/linux",
        .needs_root = true},
    Row{.name = "appc/runtime",
        .refused = "there are no Appc images here; docker/runtime runs "
                   "Docker and OCI images"},
    Row{.name = "network/port_mapping",
        .refused = "network/cni with a bridge and port mappings does its work"},
    Row{.name = "volume/csi",
        .refused = "there are no CSI volumes here; docker/volume drives "
                   "volume plugins"},
};

using Contradiction = IsolatorContradiction;

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

std::vector<IsolatorRow> isolator_table() {
    std::vector<IsolatorRow> table;
    for (const Row& row : k_rows)
        table.push_back({row.name, row.gives, row.needs, row.needs_root, row.refused});
    return table;
}

std::span<const IsolatorContradiction> isolator_contradictions() { return k_contradictions; }

}  // namespace tepui::containerizer
