#include "containerizer/volumes/trusted_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <deque>

#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

constexpr int k_links_max = 40;

void push_parts_front(std::deque<std::string>& parts, const std::string& path) {
    std::vector<std::string> found;
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        if (end > begin) found.push_back(path.substr(begin, end - begin));
        begin = end + 1;
    }
    parts.insert(parts.begin(), found.begin(), found.end());
}

bool may_search(const struct stat& stat, const User* user) {
    if (user == nullptr || user->uid == 0) return true;
    if (stat.st_uid == user->uid) return (stat.st_mode & S_IXUSR) != 0;
    const bool member = stat.st_gid == user->gid ||
                        std::ranges::find(user->groups, stat.st_gid) != user->groups.end();
    return (stat.st_mode & (member ? S_IXGRP : S_IXOTH)) != 0;
}

Result<std::string> read_link(const std::string& path, const struct stat& stat) {
    if (stat.st_uid != 0 && stat.st_uid != ::geteuid())
        return fail(Errc::denied, "'{}' is a symbolic link of another user: name what it leads to",
                    path);
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size <= 0) return fail(Errc::io, "'{}': {}", path, errno_text());
    target.resize(static_cast<std::size_t>(size));
    return target;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string join(const std::deque<std::string>& parts) {
    std::string path;
    for (const std::string& part : parts) path += (path.empty() ? "" : "/") + part;
    return path;
}

}  // namespace

Result<TrustedPath> look_up_trusted(const std::string& path, const User* user) {
    if (!path.starts_with('/') || path.find('\0') != std::string::npos)
        return fail(Errc::invalid_argument, "'{}' is not an absolute path", path);
    std::deque<std::string> parts;
    push_parts_front(parts, path);
    if (std::ranges::find(parts, "..") != parts.end())
        return fail(Errc::invalid_argument, "'{}' has a part '..'", path);
    std::string real;  // Empty: the root.
    struct stat above{};
    if (::stat("/", &above) != 0) return fail(Errc::io, "'/': {}", errno_text());
    for (int links = 0; !parts.empty();) {
        const std::string part = parts.front();
        if (part == "." || part == "..") {
            parts.pop_front();
            if (part == "..") real = parent_of(real);
            if (::lstat(real.empty() ? "/" : real.c_str(), &above) != 0)
                return fail(Errc::io, "'{}': {}", real, errno_text());
            continue;
        }
        if (!S_ISDIR(above.st_mode)) return fail(Errc::io, "'{}' is not a directory", real);
        if (!may_search(above, user))
            return fail(Errc::denied, "'{}': user '{}' may not enter '{}'", path, user->name,
                        real.empty() ? "/" : real);
        const std::string next = real + "/" + part;
        struct stat stat{};
        if (::lstat(next.c_str(), &stat) != 0) {
            if (errno != ENOENT) return fail(Errc::io, "'{}': {}", next, errno_text());
            return TrustedPath{real.empty() ? "/" : real, true, join(parts)};
        }
        parts.pop_front();
        if (S_ISLNK(stat.st_mode)) {
            if (++links > k_links_max)
                return fail(Errc::denied, "'{}' goes through too many links", path);
            const std::string target = TEPUI_TRY(read_link(next, stat));
            if (target.starts_with('/')) {
                real.clear();
                if (::stat("/", &above) != 0) return fail(Errc::io, "'/': {}", errno_text());
            }
            push_parts_front(parts, target);
            continue;
        }
        real = next;
        above = stat;
    }
    return TrustedPath{real.empty() ? "/" : real, S_ISDIR(above.st_mode), ""};
}

}  // namespace tepui::containerizer
