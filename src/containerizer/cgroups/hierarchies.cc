#include "containerizer/cgroups/hierarchies.h"

#include <algorithm>
#include <sstream>

#include "containerizer/cgroups/files.h"

namespace tepui::containerizer::cgroups {
namespace {

constexpr std::string_view k_known[] = {"cpu",     "cpuacct",    "memory",  "pids",
                                        "freezer", "cpuset",     "blkio",   "devices",
                                        "net_cls", "perf_event", "hugetlb", "io"};

struct Mount {
    std::string point;
    std::string type;
    std::vector<std::string> options;
};

/// "36 35 98:0 /root /point options... - type source super,options"
Mount parse_mount(const std::string& line) {
    std::istringstream words(line);
    Mount mount;
    std::string word;
    for (int i = 0; words >> word && word != "-"; ++i)
        if (i == 4) mount.point = word;
    words >> mount.type >> word;
    std::string super;
    words >> super;
    std::istringstream options(super);
    while (std::getline(options, word, ',')) mount.options.push_back(word);
    return mount;
}

}  // namespace

std::vector<std::string> Hierarchies::roots(const std::vector<std::string>& controllers) const {
    std::vector<std::string> found;
    for (const std::string& controller : controllers) {
        const auto mount = mounts.find(controller);
        if (mount == mounts.end()) continue;
        if (std::ranges::find(found, mount->second) == found.end()) found.push_back(mount->second);
    }
    return found;
}

Hierarchies find_hierarchies(std::string_view mountinfo,
                             const std::function<std::string(const std::string&)>& v2_controllers) {
    Hierarchies v1{Version::v1, {}};
    Hierarchies v2{Version::v2, {}};
    std::istringstream lines{std::string(mountinfo)};
    for (std::string line; std::getline(lines, line);) {
        const Mount mount = parse_mount(line);
        if (mount.type == "cgroup") {
            for (const std::string_view controller : k_known)
                if (std::ranges::find(mount.options, controller) != mount.options.end())
                    v1.mounts.try_emplace(std::string(controller), mount.point);
        } else if (mount.type == "cgroup2") {
            std::istringstream words(v2_controllers(mount.point));
            for (std::string word; words >> word;)
                if (std::ranges::find(k_known, word) != std::ranges::end(k_known))
                    v2.mounts.try_emplace(word, mount.point);
            // Every cgroup of v2 has these two, without a controller that could be switched on.
            for (const char* inherent : {"devices", "perf_event"})
                v2.mounts.try_emplace(inherent, mount.point);
        }
    }
    return v1.mounts.empty() ? v2 : v1;
}

Hierarchies find_hierarchies() {
    return find_hierarchies(read_file("/proc/self/mountinfo"), [](const std::string& point) {
        return read_file(point + "/cgroup.controllers");
    });
}

std::vector<std::string> needed_controllers(const Isolation& isolation, Version version) {
    std::vector<std::string> controllers;
    // First what ends a container surely: the shim and the sweep look at the first.
    if (isolation.pids) controllers.emplace_back("pids");
    if (isolation.memory) controllers.emplace_back("memory");
    if (isolation.cpu) controllers.emplace_back("cpu");
    if (isolation.cpu && version == Version::v1) controllers.emplace_back("cpuacct");
    if (isolation.cpuset) controllers.emplace_back("cpuset");
    if (isolation.blkio) controllers.emplace_back(version == Version::v1 ? "blkio" : "io");
    if (isolation.devices) controllers.emplace_back("devices");
    if (isolation.net_cls && version == Version::v1) controllers.emplace_back("net_cls");
    if (isolation.perf_event) controllers.emplace_back("perf_event");
    if (isolation.hugetlb) controllers.emplace_back("hugetlb");
    return controllers;
}

}  // namespace tepui::containerizer::cgroups
