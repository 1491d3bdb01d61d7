// Copies of layers, for machines without overlay. Both sides are walked by descriptor and no link
// is followed: a link that one layer has must not lead what another has out of the target.

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <utility>

#include "containerizer/descriptor.h"
#include "containerizer/oci/provisioner.h"

namespace tepui::containerizer::oci {
namespace {

constexpr int k_depth_max = 512;  // Descriptors are held on the way down; paths end at 4,096 bytes.
constexpr const char* k_opaque = "trusted.overlay.opaque";

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};
using Listing = std::unique_ptr<DIR, CloseDirectory>;

Error failed(const char* what, const std::string& name) {
    return {Errc::io, fmt::format("cannot {} '{}' of a layer: {}", what, name, errno_text())};
}

Result<Listing> list(int directory) {
    const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Listing listing(copy < 0 ? nullptr : ::fdopendir(copy));
    if (!listing) return std::unexpected(failed("list", "a directory"));
    return listing;
}

bool is_dot(const char* name) {
    return std::string_view(name) == "." || std::string_view(name) == "..";
}

Result<void> remove_at(int parent, const std::string& name, int depth) {
    if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return std::unexpected(failed("replace", name));
    if (depth > k_depth_max) return fail(Errc::too_large, "a layer is too deep at '{}'", name);
    const Descriptor directory(
        ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) return std::unexpected(failed("replace", name));
    const Listing listing = TEPUI_TRY(list(directory.get()));
    while (const dirent* entry = ::readdir(listing.get()))
        if (!is_dot(entry->d_name))
            TEPUI_CHECK_OK(remove_at(directory.get(), entry->d_name, depth + 1));
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0)
        return std::unexpected(failed("replace", name));
    return {};
}

class Copier {
public:
    Result<void> copy_directory(int from, int to, int depth);

private:
    Result<void> copy_entry(int from, int to, const std::string& name, int depth);
    Result<void> copy_file(int from, int to, const std::string& name, const struct stat& stat);
    Result<void> copy_link(int from, int to, const std::string& name);
    Result<void> copy_below(int from, int to, const std::string& name, int depth);

    std::map<std::pair<dev_t, ino_t>, std::pair<int, std::string>> linked_;
    std::vector<Descriptor> parents_;  // Of what has several names.
};

void copy_attributes(int from, int to) {
    std::string names(65536, '\0');
    const ssize_t length = ::flistxattr(from, names.data(), names.size());
    std::string value(65536, '\0');
    for (ssize_t at = 0; at < length;) {
        const std::string name = names.c_str() + at;
        at += static_cast<ssize_t>(name.size()) + 1;
        if (name.starts_with("trusted.overlay.")) continue;
        const ssize_t size = ::fgetxattr(from, name.c_str(), value.data(), value.size());
        if (size >= 0)
            (void)::fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(size), 0);
    }
}

/// Owner before mode, as chown takes set-user-id away; attributes after the owner, for the same of
/// capabilities.
Result<void> dress(int from, int to, const struct stat& stat, const std::string& name) {
    if (::fchown(to, stat.st_uid, stat.st_gid) != 0 || ::fchmod(to, stat.st_mode & 07777) != 0)
        return std::unexpected(failed("set the owner of", name));
    copy_attributes(from, to);
    const timespec times[2] = {stat.st_atim, stat.st_mtim};
    (void)::futimens(to, times);
    return {};
}

Result<void> Copier::copy_directory(int from, int to, int depth) {
    if (depth > k_depth_max) return fail(Errc::too_large, "a layer has too deep directories");
    const Listing listing = TEPUI_TRY(list(from));
    while (const dirent* entry = ::readdir(listing.get()))
        if (!is_dot(entry->d_name)) TEPUI_CHECK_OK(copy_entry(from, to, entry->d_name, depth));
    return {};
}

Result<void> Copier::copy_file(int from, int to, const std::string& name, const struct stat& stat) {
    const std::pair<dev_t, ino_t> key{stat.st_dev, stat.st_ino};
    if (const auto known = linked_.find(key); known != linked_.end()) {
        if (::linkat(known->second.first, known->second.second.c_str(), to, name.c_str(), 0) != 0)
            return std::unexpected(failed("link", name));
        return {};
    }
    const Descriptor source(::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    const Descriptor target(
        ::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!source || !target) return std::unexpected(failed("copy", name));
    for (off_t left = stat.st_size; left > 0;) {
        const ssize_t sent =
            ::sendfile(target.get(), source.get(), nullptr, static_cast<std::size_t>(left));
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return std::unexpected(failed("copy", name));
        left -= sent;
    }
    if (stat.st_nlink > 1) {
        parents_.emplace_back(::fcntl(to, F_DUPFD_CLOEXEC, 3));
        if (!parents_.back()) return std::unexpected(failed("hold", name));
        linked_.emplace(key, std::pair{parents_.back().get(), name});
    }
    return dress(source.get(), target.get(), stat, name);
}

Result<void> Copier::copy_link(int from, int to, const std::string& name) {
    char target[PATH_MAX];
    const ssize_t length = ::readlinkat(from, name.c_str(), target, sizeof target - 1);
    if (length < 0) return std::unexpected(failed("read", name));
    target[length] = 0;
    if (::symlinkat(target, to, name.c_str()) != 0) return std::unexpected(failed("make", name));
    return {};
}

Result<void> Copier::copy_below(int from, int to, const std::string& name, int depth) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const Descriptor source(::openat(from, name.c_str(), flags));
    if (!source) return std::unexpected(failed("open", name));
    char opaque = 0;
    if (::fgetxattr(source.get(), k_opaque, &opaque, 1) == 1 && opaque == 'y')
        TEPUI_CHECK_OK(remove_at(to, name, depth));
    Descriptor target(::openat(to, name.c_str(), flags));
    if (!target) {
        TEPUI_CHECK_OK(remove_at(to, name, depth));
        if (::mkdirat(to, name.c_str(), 0700) != 0) return std::unexpected(failed("make", name));
        target = Descriptor(::openat(to, name.c_str(), flags));
    }
    if (!target) return std::unexpected(failed("open", name));
    TEPUI_CHECK_OK(copy_directory(source.get(), target.get(), depth + 1));
    struct stat stat{};
    if (::fstat(source.get(), &stat) != 0) return std::unexpected(failed("look at", name));
    return dress(source.get(), target.get(), stat, name);
}

Result<void> Copier::copy_entry(int from, int to, const std::string& name, int depth) {
    struct stat stat{};
    if (::fstatat(from, name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) != 0)
        return std::unexpected(failed("look at", name));
    if (S_ISDIR(stat.st_mode)) return copy_below(from, to, name, depth);
    TEPUI_CHECK_OK(remove_at(to, name, depth));
    if (S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(0, 0)) return {};  // It was removed.
    if (S_ISREG(stat.st_mode)) return copy_file(from, to, name, stat);
    if (S_ISLNK(stat.st_mode)) {
        TEPUI_CHECK_OK(copy_link(from, to, name));
    } else if (::mknodat(to, name.c_str(), stat.st_mode, stat.st_rdev) != 0) {
        return std::unexpected(failed("make", name));
    }
    if (::fchownat(to, name.c_str(), stat.st_uid, stat.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return std::unexpected(failed("set the owner of", name));
    const timespec times[2] = {stat.st_atim, stat.st_mtim};
    (void)::utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
    return {};
}

}  // namespace

Result<void> copy_layer(const std::string& layer, const std::string& target) {
    const Descriptor from(::open(layer.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const Descriptor to(::open(target.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!from || !to) return std::unexpected(failed("open", layer));
    struct stat stat{};
    if (::fstat(from.get(), &stat) != 0) return std::unexpected(failed("look at", layer));
    Copier copier;
    TEPUI_CHECK_OK(copier.copy_directory(from.get(), to.get(), 0));
    return dress(from.get(), to.get(), stat, layer);
}

}  // namespace tepui::containerizer::oci
