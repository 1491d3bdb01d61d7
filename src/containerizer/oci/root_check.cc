#include "containerizer/oci/root_check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "containerizer/descriptor.h"

namespace tepui::containerizer::oci {

Result<void> check_root(const std::string& rootfs) {
    const Descriptor root(::open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail(Errc::io, "cannot open '{}': {}", rootfs, errno_text());
    for (const char* place : {"dev", "proc", "sys"}) {
        struct stat stat{};
        if (::fstatat(root.get(), place, &stat, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) continue;
            return fail(Errc::io, "cannot look at '{}/{}': {}", rootfs, place, errno_text());
        }
        if (S_ISDIR(stat.st_mode)) continue;
        return fail(Errc::denied,
                    "the image's /{} is {}: it would lead the runtime out of the container; make "
                    "it a directory, or leave it out",
                    place, S_ISLNK(stat.st_mode) ? "a symbolic link" : "no directory");
    }
    return {};
}

}  // namespace tepui::containerizer::oci
