#include "containerizer/oci/provisioner.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
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

/// What is at `source`, as a mount of its own that is attached nowhere.
Result<Descriptor> clone_tree(const Descriptor& source, bool recursive) {
    const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
                           (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
    Descriptor tree(static_cast<int>(::syscall(SYS_open_tree, source.get(), "", flags)));
    if (!tree) return fail(Errc::io, "cannot clone a mount: {}", errno_text());
    return tree;
}

Result<void> attach(const Descriptor& tree, const std::string& target) {
    if (::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, target.c_str(),
                  MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return fail(Errc::io, "cannot mount on '{}': {}", target, errno_text());
    return {};
}

Result<Descriptor> open_directory(const std::string& path) {
    Descriptor directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return fail(Errc::io, "cannot open '{}': {}", path, errno_text());
    return directory;
}

/// Shows the directory `source` at `target` by other ids.
Result<void> show_mapped(const std::string& source, const UserNamespace& ids,
                         const std::string& target) {
    const Descriptor directory = TEPUI_TRY(open_directory(source));
    const Descriptor tree = TEPUI_TRY(clone_tree(directory, false));
    TEPUI_CHECK_OK(ids.map(tree, false));
    return attach(tree, target);
}

/// An overlay is not mapped again: its layers are.
bool is_overlay(const Descriptor& source) {
    struct statfs system{};
    return ::fstatfs(source.get(), &system) == 0 && system.f_type == OVERLAYFS_SUPER_MAGIC;
}

Result<void> hold(const Descriptor& source, bool directory, bool recursive,
                  const UserNamespace* ids, const std::string& target) {
    if (directory) {
        TEPUI_CHECK_OK(make_directory(target, 0700));
    } else {
        const Descriptor file(
            ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!file) return fail(Errc::io, "cannot make '{}': {}", target, errno_text());
    }
    const Descriptor tree = TEPUI_TRY(clone_tree(source, recursive));
    // Memory file systems of old kernels and such can't: those who fill them give what is in them
    // to the owner outside.
    if (ids != nullptr && !is_overlay(source)) (void)ids->map(tree, recursive);
    return attach(tree, target);
}

}  // namespace

Result<void> Provisioner::prepare(bool passable) const {
    const mode_t mode = passable ? 0711 : 0700;
    const Descriptor made = TEPUI_TRY(make_trusted_directory(directory_, mode));
    if (::fchmod(made.get(), mode) != 0)
        return fail(Errc::io, "cannot set the mode of '{}': {}", directory_, errno_text());
    return {};
}

Result<void> Provisioner::make_overlay(const std::string& own,
                                       const std::vector<std::string>& layers,
                                       const UserNamespace* ids) const {
    const std::string upper = own + "/upper";
    TEPUI_CHECK_OK(make_directory(upper, 0755));
    TEPUI_CHECK_OK(make_directory(own + "/work", 0700));
    if (ids == nullptr) return mount_overlay(layers, upper, own + "/work", own + "/rootfs");
    if (::chown(upper.c_str(), ids->ids().uid, ids->ids().gid) != 0)
        return fail(Errc::io, "cannot give '{}' to its container: {}", upper, errno_text());
    TEPUI_CHECK_OK(make_directory(own + "/layers", 0700));
    std::vector<std::string> shown;
    for (const std::string& layer : layers) {
        shown.push_back(fmt::format("{}/layers/{}", own, shown.size()));
        TEPUI_CHECK_OK(make_directory(shown.back(), 0700));
        TEPUI_CHECK_OK(show_mapped(layer, *ids, shown.back()));
    }
    TEPUI_CHECK_OK(mount_overlay(shown, upper, own + "/work", own + "/rootfs"));
    // The overlay holds mounts of its own; what is left is taken away by remove().
    for (const std::string& each : shown) (void)::umount2(each.c_str(), MNT_DETACH);
    return {};
}

Result<std::string> Provisioner::provision(const std::string& name,
                                           const std::vector<std::string>& layers,
                                           const UserNamespace* ids) const {
    const std::string own = path_of(name);
    const std::string rootfs = own + "/rootfs";
    TEPUI_CHECK_OK(make_directory(own, 0711));
    TEPUI_CHECK_OK(make_directory(rootfs, 0755));
    if (layers.empty()) return fail(Errc::corrupt, "the image has no layers");
    if (backend_ == Backend::overlay) {
        TEPUI_CHECK_OK(make_overlay(own, layers, ids));
        TEPUI_CHECK_OK(check_root(rootfs));
        return rootfs;
    }
    for (const std::string& layer : layers) TEPUI_CHECK_OK(copy_layer(layer, rootfs));
    TEPUI_CHECK_OK(check_root(rootfs));
    if (ids != nullptr) TEPUI_CHECK_OK(show_mapped(rootfs, *ids, rootfs));
    return rootfs;
}

Result<void> Provisioner::hold_sources(const std::string& name, const std::string& work_dir,
                                       std::vector<MountPlan>& mounts,
                                       const UserNamespace* ids) const {
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
        TEPUI_CHECK_OK(hold(*source, S_ISDIR(stat.st_mode), mount.recursive, ids, target));
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

Result<void> check_id_mapping(const std::string& directory, const UserNamespace& ids) {
    const Descriptor opened = TEPUI_TRY(open_directory(directory));
    const Descriptor tree = TEPUI_TRY(clone_tree(opened, false));
    const Result<void> mapped = ids.map(tree, false);
    if (mapped) return {};
    return fail(Errc::unsupported,
                "files in '{}' can't be shown by other ids ({}); Linux 5.19 can, with ext4, xfs "
                "and btrfs",
                directory, mapped.error().text);
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
