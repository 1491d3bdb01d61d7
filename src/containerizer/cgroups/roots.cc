#include "containerizer/cgroups/roots.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <set>
#include <sstream>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer::cgroups {
namespace {

// The second is for an agent that is not root: v2 takes it, v1 only since Linux 6.
constexpr const char* k_marks[] = {"trusted.tepui", "user.tepui"};
constexpr std::string_view k_made = "made";

// Another agent that leaves may remove what ours is to be in just before ours is in it.
constexpr int k_attempts_max = 100;

/// Without one an empty cgroup is left behind; nothing depends on it.
void mark(const std::string& directory) {
    for (const char* name : k_marks)
        if (::setxattr(directory.c_str(), name, k_made.data(), k_made.size(), 0) == 0) return;
}

bool is_marked(const std::string& directory) {
    return std::ranges::any_of(k_marks, [&](const char* name) {
        return ::getxattr(directory.c_str(), name, nullptr, 0) >= 0;
    });
}

/// Whether all of it is there; else errno tells.
bool try_make(const std::string& mount, const std::string& root) {
    std::string directory = mount;
    std::istringstream parts(root);
    for (std::string part; std::getline(parts, part, '/');) {
        directory += "/" + part;
        if (::mkdir(directory.c_str(), 0755) == 0)
            mark(directory);
        else if (errno != EEXIST)
            return false;
    }
    return ::access(directory.c_str(), F_OK) == 0;
}

}  // namespace

std::vector<std::string> mount_points() {
    std::vector<std::string> found;
    std::set<std::string> devices;
    std::istringstream lines{read_file("/proc/self/mountinfo")};
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" - cgroup") == std::string::npos) continue;
        // "36 35 0:26 / /point ...": 0:26 is the hierarchy's, at each of its mount points.
        std::istringstream words(line);
        std::string skipped;
        std::string device;
        std::string point;
        words >> skipped >> skipped >> device >> skipped >> point;
        if (devices.insert(device).second) found.push_back(std::move(point));
    }
    return found;
}

Result<void> make_root(const std::string& mount, const std::string& root) {
    if (::access(mount.c_str(), F_OK) != 0)
        return fail(Errc::io, "cannot make cgroup '{}/{}': {}", mount, root, errno_text());
    for (int attempt = 0; attempt < k_attempts_max; ++attempt) {
        if (try_make(mount, root)) return {};
        if (errno != ENOENT) break;
    }
    return fail(Errc::io, "cannot make cgroup '{}/{}': {}", mount, root, errno_text());
}

void make_roots_for_runtime(const std::string& root) {
    // A runtime that can't have one says so itself.
    for (const std::string& mount : mount_points()) (void)make_root(mount, root);
}

void remove_root(const std::string& mount, const std::string& root) {
    const Result<std::vector<std::string>> parts = clean_path(root);
    if (!parts) return;
    std::vector<std::string> directories;
    for (const std::string& part : *parts)
        directories.push_back((directories.empty() ? mount : directories.back()) + "/" + part);
    for (const std::string& directory : directories | std::views::reverse)
        if (!is_marked(directory) || ::rmdir(directory.c_str()) != 0) return;
}

void remove_roots(const std::string& root) {
    for (const std::string& mount : mount_points()) remove_root(mount, root);
}

}  // namespace tepui::containerizer::cgroups
