#include "containerizer/cgroups/group.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "containerizer/cgroups/files.h"
#include "containerizer/cgroups/kill.h"
#include "containerizer/cgroups/roots.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer::cgroups {
namespace fs = std::filesystem;
namespace {

/// The switch of Isolation that stands for `controller`.
bool& wanted(Isolation& isolation, const std::string& controller) {
    if (controller == "memory") return isolation.memory;
    if (controller == "pids") return isolation.pids;
    if (controller == "cpuset") return isolation.cpuset;
    if (controller == "blkio" || controller == "io") return isolation.blkio;
    if (controller == "devices") return isolation.devices;
    if (controller == "net_cls") return isolation.net_cls;
    if (controller == "perf_event") return isolation.perf_event;
    if (controller == "hugetlb") return isolation.hugetlb;
    return isolation.cpu;
}

std::vector<std::string> child_directories(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
        if (it->is_directory(error)) names.push_back(it->path().filename().string());
    return names;
}

}  // namespace

Groups::Groups(Hierarchies hierarchies, std::string root, Isolation isolation)
    : hierarchies_(std::move(hierarchies)), root_(std::move(root)), isolation_(isolation) {}

std::string Groups::controllers_v2() const {
    std::string controllers;
    for (const std::string& controller : needed_controllers(isolation_, Version::v2))
        if (hierarchies_.has(controller) && controller != "devices" && controller != "perf_event")
            controllers += (controllers.empty() ? "+" : " +") + controller;
    return controllers;
}

Result<void> Groups::prepare_v2(const std::string& mount) const {
    const std::string controllers = controllers_v2();
    if (controllers.empty()) return {};
    std::string directory = mount;
    std::istringstream parts(root_);
    TEPUI_CHECK_OK(write_file(directory + "/cgroup.subtree_control", controllers));
    for (std::string part; std::getline(parts, part, '/');) {
        directory += "/" + part;
        TEPUI_CHECK_OK(write_file(directory + "/cgroup.subtree_control", controllers));
    }
    return {};
}

std::vector<std::string> Groups::prepare() {
    std::vector<std::string> missing;
    const auto leave_out = [&](const std::string& controller, const std::string& why) {
        if (!wanted(isolation_, controller)) return;
        wanted(isolation_, controller) = false;
        missing.push_back("no cgroup controller '" + controller + "': " + why);
    };
    for (const std::string& controller : needed_controllers(isolation_, hierarchies_.version)) {
        if (!hierarchies_.has(controller)) {
            leave_out(controller, "it is not mounted");
            continue;
        }
        const std::string& mount = hierarchies_.mounts.at(controller);
        const Result<void> made = make_root(mount, root_);
        if (!made) leave_out(controller, made.error().text);
    }
    if (hierarchies_.version == Version::v2) {
        for (const std::string& mount :
             hierarchies_.roots(needed_controllers(isolation_, Version::v2)))
            if (Result<void> ready = prepare_v2(mount); !ready)
                for (const char* controller : {"cpu", "memory", "pids", "cpuset", "io", "hugetlb"})
                    leave_out(controller, ready.error().text);
    }
    roots_.clear();
    for (const std::string& mount :
         hierarchies_.roots(needed_controllers(isolation_, hierarchies_.version)))
        roots_.push_back(mount + "/" + root_);
    return missing;
}

std::vector<std::string> Groups::directories(const std::string& name) const {
    std::vector<std::string> all;
    for (const std::string& root : roots_) all.push_back(root + "/" + name);
    return all;
}

std::string Groups::directory(const std::string& controller, const std::string& name) const {
    const std::vector<std::string> in_use = needed_controllers(isolation_, hierarchies_.version);
    if (std::ranges::find(in_use, controller) == in_use.end()) return {};
    const auto mount = hierarchies_.mounts.find(controller);
    return mount == hierarchies_.mounts.end() ? std::string{}
                                              : mount->second + "/" + root_ + "/" + name;
}

Result<void> Groups::hand_down(const std::string& parent) const {
    if (hierarchies_.version == Version::v2) {
        const std::string controllers = controllers_v2();
        if (controllers.empty()) return {};
        for (const std::string& directory : directories(parent))
            TEPUI_CHECK_OK(write_file(directory + "/cgroup.subtree_control", controllers));
        return {};
    }
    // What a child uses counts for its parent: always so since Linux 5.11, and refused by older
    // ones only where it is so already.
    if (const std::string memory = directory("memory", parent); !memory.empty())
        (void)write_file(memory + "/memory.use_hierarchy", "1");
    return {};
}

Result<void> Groups::inherit_cpuset(const std::string& name) const {
    std::string directory = hierarchies_.mounts.at("cpuset");
    std::istringstream parts(root_ + "/" + name);
    for (std::string part; std::getline(parts, part, '/');) {
        const std::string parent = directory;
        directory += "/" + part;
        for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
            if (read_file(directory + file).find_first_not_of('\n') != std::string::npos) continue;
            TEPUI_CHECK_OK(write_file(directory + file, read_file(parent + file)));
        }
    }
    return {};
}

Result<void> Groups::create(const std::string& name, const Limits& limits) const {
    if (const std::size_t slash = name.find('/'); slash != std::string::npos)
        TEPUI_CHECK_OK(hand_down(name.substr(0, slash)));
    const auto give_up = [&](std::string text) -> Result<void> {
        destroy(name, std::chrono::milliseconds(0));
        return fail(Errc::io, "{}", text);
    };
    for (const std::string& directory : directories(name))
        if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
            return give_up(fmt::format("cannot make cgroup '{}': {}", directory, errno_text()));
    if (isolation_.cpuset && hierarchies_.version == Version::v1)
        if (Result<void> ready = inherit_cpuset(name); !ready) return give_up(ready.error().text);
    for (const Setting& setting : plan(limits, isolation_, hierarchies_.version)) {
        const std::string path = directory(setting.controller, name) + "/" + setting.file;
        if (Result<void> wrote = write_file(path, setting.value); !wrote && !setting.optional)
            return give_up(wrote.error().text);
    }
    return {};
}

std::vector<std::string> Groups::names() const {
    std::set<std::string> names;
    for (const std::string& root : roots_)
        for (std::string& name : child_directories(root)) names.insert(std::move(name));
    return {names.begin(), names.end()};
}

std::vector<std::string> Groups::names(const std::string& parent) const {
    std::set<std::string> names;
    for (const std::string& root : roots_)
        for (const std::string& name : child_directories(root + "/" + parent))
            names.insert(parent + "/" + name);
    return {names.begin(), names.end()};
}

bool Groups::destroy(const std::string& name, std::chrono::milliseconds patience) const {
    bool gone = true;
    for (const std::string& directory : directories(name))
        gone = destroy_tree(directory, patience) && gone;
    return gone;
}

}  // namespace tepui::containerizer::cgroups
