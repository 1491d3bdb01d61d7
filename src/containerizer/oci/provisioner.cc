#include "containerizer/oci/provisioner.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"
#include "containerizer/oci/root_check.h"

namespace tepui::containerizer::oci {
namespace {
namespace fs = std::filesystem;

Result<void> make_directory(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) == 0) return {};
    return fail(Errc::io, "cannot make the directory '{}': {}", path, errno_text());
}

/// The mount points at or beneath `path`, as /proc/self/mountinfo has them (spaces and such as
/// octal numbers), the last mounted first.
std::vector<std::string> mounts_beneath(const std::string& path) {
    std::vector<std::string> found;
    const std::string text = cgroups::read_file("/proc/self/mountinfo");
    std::string_view left = text;
    while (!left.empty()) {
        std::string_view line = left.substr(0, left.find('\n'));
        left.remove_prefix(std::min(left.size(), line.size() + 1));
        for (int field = 0; field < 4; ++field)
            line.remove_prefix(std::min(line.size(), line.find(' ') + 1));
        const std::string_view target = line.substr(0, line.find(' '));
        std::string plain;
        for (std::size_t i = 0; i < target.size(); ++i) {
            if (target[i] != '\\' || i + 3 >= target.size()) {
                plain += target[i];
                continue;
            }
            plain += static_cast<char>((target[i + 1] - '0') * 64 + (target[i + 2] - '0') * 8 +
                                       (target[i + 3] - '0'));
            i += 3;
        }
        if (plain == path || plain.starts_with(path + "/")) found.push_back(std::move(plain));
    }
    std::ranges::reverse(found);
    return found;
}

Result<void> hold(const Descriptor& source, bool directory, bool recursive,
                  const std::string& target) {
    if (directory) {
        TEPUI_CHECK_OK(make_directory(target, 0700));
    } else {
        const Descriptor file(
            ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!file) return fail(Errc::io, "cannot make '{}': {}", target, errno_text());
    }
    const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
                           (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
    const Descriptor tree(static_cast<int>(::syscall(SYS_open_tree, source.get(), "", flags)));
    if (!tree || ::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, target.c_str(),
                           MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return fail(Errc::io, "cannot mount on '{}': {}", target, errno_text());
    return {};
}

}  // namespace

Result<void> Provisioner::prepare() const {
    TEPUI_CHECK_OK(make_trusted_directory(directory_, 0700));
    return {};
}

Result<std::string> Provisioner::provision(const std::string& name,
                                           const std::vector<std::string>& layers) const {
    const std::string own = path_of(name);
    const std::string rootfs = own + "/rootfs";
    TEPUI_CHECK_OK(make_directory(own, 0711));
    TEPUI_CHECK_OK(make_directory(rootfs, 0755));
    if (layers.empty()) return fail(Errc::corrupt, "the image has no layers");
    if (backend_ == Backend::overlay) {
        TEPUI_CHECK_OK(make_directory(own + "/upper", 0755));
        TEPUI_CHECK_OK(make_directory(own + "/work", 0700));
        TEPUI_CHECK_OK(mount_overlay(layers, own + "/upper", own + "/work", rootfs));
        TEPUI_CHECK_OK(check_root(rootfs));
        return rootfs;
    }
    for (const std::string& layer : layers) TEPUI_CHECK_OK(copy_layer(layer, rootfs));
    TEPUI_CHECK_OK(check_root(rootfs));
    return rootfs;
}

Result<void> Provisioner::hold_sources(const std::string& name, const std::string& work_dir,
                                       std::vector<MountPlan>& mounts) const {
    const std::string own = path_of(name) + "/mounts";
    std::size_t held = 0;
    const Descriptor root(::open(work_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (MountPlan& mount : mounts) {
        if (!mount.type.empty() || !mount.source.starts_with(work_dir + "/") ||
            mount.source.starts_with(directory_ + "/"))
            continue;
        const std::string relative = mount.source.substr(work_dir.size() + 1);
        Result<Descriptor> source = open_beneath(root.get(), relative, O_PATH);
        if (!source)
            return fail_with(fmt::format("cannot mount '{}'", mount.source), source.error());
        struct stat stat{};
        if (::fstat(source->get(), &stat) != 0)
            return fail(Errc::io, "cannot look at '{}': {}", mount.source, errno_text());
        if (held == 0) TEPUI_CHECK_OK(make_directory(own, 0700));
        const std::string target = fmt::format("{}/{}", own, held++);
        TEPUI_CHECK_OK(hold(*source, S_ISDIR(stat.st_mode), mount.recursive, target));
        mount.source = target;
    }
    return {};
}

Result<void> Provisioner::remove(const std::string& name) const {
    const std::string own = path_of(name);
    struct stat stat{};
    if (::lstat(own.c_str(), &stat) != 0 && errno == ENOENT) return {};
    for (const std::string& target : mounts_beneath(own))
        if (::umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
            return fail(Errc::io, "cannot unmount '{}': {}", target, errno_text());
    std::error_code error;
    fs::remove_all(own, error);
    if (error) return fail(Errc::io, "cannot remove '{}': {}", own, error.message());
    return {};
}

std::vector<std::string> Provisioner::names() const {
    std::vector<std::string> found;
    std::error_code error;
    for (fs::directory_iterator it(directory_, error), end; !error && it != end;
         it.increment(error))
        found.push_back(it->path().filename().string());
    return found;
}

}  // namespace tepui::containerizer::oci
