#include "containerizer/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "containerizer/path_parts.h"

namespace tepui::containerizer {
namespace {

constexpr std::uint64_t k_directory = O_RDONLY | O_DIRECTORY;

int try_open(int directory, const std::string& path, std::uint64_t flags, mode_t mode) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.mode = (flags & O_CREAT) != 0 ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: something was renamed while the kernel looked; it could not prove the path stays
    // inside.
    for (int attempt = 0;; ++attempt) {
        const long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN || attempt == 64) return static_cast<int>(fd);
    }
}

}  // namespace

Result<std::vector<std::string>> clean_path(std::string_view path) {
    if (path.empty()) return fail(Errc::invalid_argument, "the path is empty");
    if (path.front() == '/') return fail(Errc::invalid_argument, "'{}' is an absolute path", path);
    if (path.find('\0') != std::string_view::npos)
        return fail(Errc::invalid_argument, "the path contains a NUL");
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view part = path.substr(begin, end - begin);
        if (part == "..") return fail(Errc::invalid_argument, "'{}' leads out by '..'", path);
        if (!part.empty() && part != ".") parts.emplace_back(part);
        begin = end + 1;
    }
    return parts;
}

Result<Descriptor> open_beneath(int directory, const std::string& path, std::uint64_t flags,
                                mode_t mode) {
    const int fd = try_open(directory, path, flags, mode);
    if (fd >= 0) return Descriptor(fd);
    const int error = errno;
    if (error == ELOOP) return fail(Errc::denied, "'{}' goes through a symbolic link", path);
    if (error == EXDEV) return fail(Errc::denied, "'{}' leads out of its directory", path);
    const Errc code = error == ENOENT ? Errc::not_found : error == EACCES ? Errc::denied : Errc::io;
    return fail(code, "cannot open '{}': {}", path, errno_text(error));
}

Result<Descriptor> make_directories_beneath(int directory, const std::vector<std::string>& parts,
                                            mode_t mode) {
    // From the deepest that exists downwards: in the common case one mkdir and two opens.
    std::size_t existing = parts.size();
    Descriptor parent;
    for (;; --existing) {
        parent = Descriptor(try_open(directory, join(parts, existing), k_directory, 0));
        if (parent) break;
        if (errno != ENOENT || existing == 0)
            return fail(errno == ELOOP ? Errc::denied : Errc::io, "cannot open directory '{}': {}",
                        join(parts, existing), errno_text());
    }
    for (; existing < parts.size(); ++existing) {
        if (::mkdirat(parent.get(), parts[existing].c_str(), mode) != 0 && errno != EEXIST)
            return fail(Errc::io, "cannot make directory '{}': {}", join(parts, existing + 1),
                        errno_text());
        parent = TEPUI_TRY(open_beneath(parent.get(), parts[existing], k_directory));
    }
    return parent;
}

Result<Descriptor> make_trusted_directory(const std::string& path, mode_t mode) {
    if (path.empty() || path.front() != '/')
        return fail(Errc::invalid_argument, "directory '{}' is not an absolute path", path);
    for (std::size_t end = 1; end <= path.size(); ++end) {
        if (end != path.size() && path[end] != '/') continue;
        const std::string prefix = path.substr(0, end);
        if (::mkdir(prefix.c_str(), end == path.size() ? mode : 0755) != 0 && errno != EEXIST)
            return fail(Errc::io, "cannot make directory '{}': {}", prefix, errno_text());
    }
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return fail(Errc::io, "cannot open directory '{}': {}", path, errno_text());
    return fd;
}

}  // namespace tepui::containerizer
