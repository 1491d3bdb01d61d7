#include "containerizer/volumes/sandbox.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

namespace tepui::containerizer {

Result<Sandbox> open_sandbox(const std::string& sandbox, bool nested) {
    namespace fs = std::filesystem;
    // What is above a sandbox is the agent's, but for `containers/ID` in that of a parent.
    const fs::path given(sandbox);
    const fs::path outer = nested ? given.parent_path().parent_path() : given;
    std::error_code error;
    fs::path real = fs::canonical(outer.parent_path(), error) / outer.filename();
    if (error) return fail(Errc::io, "sandbox '{}': {}", sandbox, error.message());
    if (nested) real = real / given.parent_path().filename() / given.filename();
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    Sandbox found{sandbox, Descriptor(static_cast<int>(
                               ::syscall(SYS_openat2, AT_FDCWD, real.c_str(), &how, sizeof how)))};
    if (!found.descriptor) return fail(Errc::io, "sandbox '{}': {}", sandbox, errno_text());
    return found;
}

}  // namespace tepui::containerizer
