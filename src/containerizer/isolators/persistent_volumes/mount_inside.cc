#include "containerizer/isolators/persistent_volumes/mount_inside.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "containerizer/beneath.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {
namespace {

/// Runs `work` on a thread of its own in that namespace: a thread that has entered one can't be
/// used for anything else any more.
Result<void> inside(pid_t process, const std::function<Result<void>()>& work) {
    const std::string path = fmt::format("/proc/{}/ns/mnt", process);
    const Descriptor space(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!space) return fail(Errc::not_found, "'{}': {}", path, errno_text());
    Result<void> result;
    std::thread([&] {
        if (::unshare(CLONE_FS) != 0 || ::setns(space.get(), CLONE_NEWNS) != 0)
            result = fail(Errc::io, "cannot enter the container's mounts: {}", errno_text());
        else
            result = work();
    }).join();
    return result;
}

Result<Descriptor> open_sandbox_inside(const std::string& sandbox) {
    Descriptor opened(::open(sandbox.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!opened) return fail(Errc::io, "'{}' in the container: {}", sandbox, errno_text());
    return opened;
}

}  // namespace

Result<void> mount_inside(pid_t process, const std::string& source, const std::string& sandbox,
                          const std::string& path, bool read_only) {
    const Descriptor tree(static_cast<int>(
        ::syscall(SYS_open_tree, AT_FDCWD, source.c_str(),
                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW)));
    if (!tree) return fail(Errc::io, "'{}': {}", source, errno_text());
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (read_only) attributes.attr_set |= MOUNT_ATTR_RDONLY;
    if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                  sizeof attributes) != 0)
        return fail(Errc::io, "'{}': {}", source, errno_text());
    return inside(process, [&]() -> Result<void> {
        const Descriptor top = TEPUI_TRY(open_sandbox_inside(sandbox));
        const Descriptor target = TEPUI_TRY(open_beneath(top.get(), path, O_PATH | O_DIRECTORY));
        if (::syscall(SYS_move_mount, tree.get(), "", target.get(), "",
                      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
            return fail(Errc::io, "'{}' in the sandbox: {}", path, errno_text());
        return {};
    });
}

Result<void> unmount_inside(pid_t process, const std::string& sandbox, const std::string& path) {
    return inside(process, [&]() -> Result<void> {
        const Descriptor top = TEPUI_TRY(open_sandbox_inside(sandbox));
        const auto parts = TEPUI_TRY(clean_path(path));
        std::string above = ".";
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) above += "/" + parts[i];
        const auto parent = open_beneath(top.get(), above, O_PATH | O_DIRECTORY);
        if (!parent) return {};
        if (::fchdir(parent->get()) != 0) return fail(Errc::io, "'{}': {}", path, errno_text());
        if (::umount2(parts.back().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == EINVAL ||
            errno == ENOENT)
            return {};
        return fail(Errc::io, "'{}' in the sandbox: {}", path, errno_text());
    });
}

}  // namespace tepui::containerizer
