#include "daemon/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace tepui::daemon {
namespace {

class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }

private:
    int number_;
};

std::unexpected<Error> failed(std::string_view path, int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR: return fail(Errc::not_found, "no file '{}'", path);
        case EXDEV:
        case ELOOP:
        case EACCES:
        case EPERM: return fail(Errc::denied, "the path '{}' may not be read", path);
        case ENAMETOOLONG: return fail(Errc::invalid_argument, "the path '{}' is too long", path);
        default: return fail(Errc::io, "opening '{}': {}", path, std::strerror(error));
    }
}

int open_at(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    // A fifo would block the open, a terminal become ours; openat2 takes neither with O_PATH.
    if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK | O_NOCTTY;
    how.resolve = resolve;
    long result = 0;
    do {
        result = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
    } while (result < 0 && (errno == EINTR || errno == EAGAIN));
    return static_cast<int>(result);
}

/// The last part of the attached path itself must not be a link either.
Result<Descriptor> open_place(const std::string& real, const std::string& rest,
                              std::string_view path) {
    if (rest.empty()) {
        Descriptor file(
            open_at(AT_FDCWD, real.c_str(), O_RDONLY | O_NOFOLLOW, RESOLVE_NO_MAGICLINKS));
        if (file.get() < 0) return failed(path, errno);
        return file;
    }
    const Descriptor root(
        open_at(AT_FDCWD, real.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_MAGICLINKS));
    if (root.get() < 0) return failed(path, errno);
    Descriptor file(
        open_at(root.get(), rest.c_str(), O_RDONLY, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS));
    if (file.get() < 0) return failed(path, errno);
    return file;
}

/// Without trailing and doubled slashes; always begins with one.
std::string normalize(std::string_view path) {
    std::string out;
    std::size_t at = 0;
    while (at < path.size()) {
        const std::size_t slash = std::min(path.find('/', at), path.size());
        if (slash > at) {
            out += '/';
            out += path.substr(at, slash - at);
        }
        at = slash + 1;
    }
    return out.empty() ? "/" : out;
}

Result<std::string> read_bytes(int file, std::uint64_t offset, std::uint64_t count,
                               std::string_view path) {
    std::string data(count, '\0');
    std::size_t filled = 0;
    while (filled < data.size()) {
        const ssize_t got = ::pread(file, data.data() + filled, data.size() - filled,
                                    static_cast<off_t>(offset + filled));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(Errc::io, "reading '{}': {}", path, std::strerror(errno));
        if (got == 0) break;  // It became shorter meanwhile.
        filled += static_cast<std::size_t>(got);
    }
    data.resize(filled);
    return data;
}

Result<std::uint64_t> regular_size(int file, std::string_view path) {
    struct stat status{};
    if (::fstat(file, &status) != 0) return failed(path, errno);
    if (S_ISDIR(status.st_mode)) {
        return fail(Errc::invalid_argument, "'{}' is a directory", path);
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(Errc::invalid_argument, "'{}' is not a regular file", path);
    }
    return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

void Files::attach(std::string virtual_path, std::string real) {
    const std::scoped_lock lock(mutex_);
    attached_[normalize(virtual_path)] = std::move(real);
}

void Files::detach(const std::string& virtual_path) {
    const std::scoped_lock lock(mutex_);
    attached_.erase(normalize(virtual_path));
}

void Files::detach_real(const std::string& real) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(attached_, [&](const auto& each) {
        return each.second == real || each.second.starts_with(real + "/");
    });
}

std::map<std::string, std::string> Files::attached() const {
    const std::scoped_lock lock(mutex_);
    return {attached_.begin(), attached_.end()};
}

Result<Files::Place> Files::find(std::string_view path) const {
    if (path.empty()) return fail(Errc::invalid_argument, "the path is empty");
    if (path.find('\0') != std::string_view::npos) {
        return fail(Errc::invalid_argument, "the path has a NUL in it");
    }
    const std::string whole = normalize(path);
    const std::scoped_lock lock(mutex_);
    // The longest attached path of whole parts wins.
    std::string_view prefix = whole;
    while (!prefix.empty()) {
        if (const auto it = attached_.find(prefix); it != attached_.end()) {
            const bool itself = prefix.size() == whole.size();
            return Place{it->second, itself ? "" : whole.substr(prefix.size() + 1)};
        }
        prefix = prefix.substr(0, prefix.rfind('/'));
    }
    return fail(Errc::not_found, "no file '{}'", path);
}

Result<std::vector<FileEntry>> Files::list(std::string_view path) const {
    const Place place = TEPUI_TRY(find(path));
    auto opened = open_place(place.real, place.rest, path);
    if (!opened) return std::unexpected(opened.error());
    struct stat status{};
    if (::fstat(opened->get(), &status) != 0) return failed(path, errno);
    std::vector<FileEntry> entries;
    if (!S_ISDIR(status.st_mode)) return entries;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(opened->get()), ::closedir);
    if (!directory) return failed(path, errno);
    opened->release();
    std::string base = normalize(path);
    if (base == "/") base.clear();
    while (const dirent* entry = ::readdir(directory.get())) {
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        struct stat of_entry{};
        // Links are shown as what they are, not followed.
        if (::fstatat(::dirfd(directory.get()), entry->d_name, &of_entry, AT_SYMLINK_NOFOLLOW)) {
            continue;
        }
        entries.push_back({base + "/" + std::string(name), of_entry});
    }
    std::sort(entries.begin(), entries.end(),
              [](const FileEntry& a, const FileEntry& b) { return a.path < b.path; });
    return entries;
}

Result<FilePage> Files::read(std::string_view path, std::optional<std::uint64_t> offset,
                             std::optional<std::uint64_t> length) const {
    const Place place = TEPUI_TRY(find(path));
    const auto opened = open_place(place.real, place.rest, path);
    if (!opened) return std::unexpected(opened.error());
    FilePage page;
    page.size = TEPUI_TRY(regular_size(opened->get(), path));
    page.offset = offset.value_or(page.size);
    if (page.offset >= page.size) return page;
    const std::uint64_t wanted =
        std::min({length.value_or(page_bytes_max), page_bytes_max, page.size - page.offset});
    page.data = TEPUI_TRY(read_bytes(opened->get(), page.offset, wanted, path));
    return page;
}

Result<std::string> Files::download(std::string_view path) const {
    const Place place = TEPUI_TRY(find(path));
    const auto opened = open_place(place.real, place.rest, path);
    if (!opened) return std::unexpected(opened.error());
    const std::uint64_t size = TEPUI_TRY(regular_size(opened->get(), path));
    if (size > download_bytes_max) {
        return fail(Errc::too_large,
                    "'{}' has {} bytes; more than {} can't be downloaded at once: read it in pages",
                    path, size, download_bytes_max);
    }
    return read_bytes(opened->get(), 0, size, path);
}

mesos::v1::FileInfo file_info(const FileEntry& entry) {
    mesos::v1::FileInfo info;
    info.set_path(entry.path);
    info.set_nlink(static_cast<std::int32_t>(entry.status.st_nlink));
    info.set_size(static_cast<std::uint64_t>(entry.status.st_size));
    info.mutable_mtime()->set_nanoseconds(entry.status.st_mtim.tv_sec * 1'000'000'000L);
    info.set_mode(entry.status.st_mode);
    info.set_uid(user_name(entry.status.st_uid));
    info.set_gid(group_name(entry.status.st_gid));
    return info;
}

std::string mode_text(mode_t mode) {
    std::string text = "?rwxrwxrwx";
    const std::pair<mode_t, char> kinds[] = {{S_IFREG, '-'},  {S_IFDIR, 'd'}, {S_IFLNK, 'l'},
                                             {S_IFSOCK, 's'}, {S_IFBLK, 'b'}, {S_IFCHR, 'c'},
                                             {S_IFIFO, 'p'}};
    for (const auto& [kind, letter] : kinds) {
        if ((mode & S_IFMT) == kind) text[0] = letter;
    }
    for (unsigned i = 0; i < 9; ++i) {
        if ((mode & (1U << (8 - i))) == 0) text[i + 1] = '-';
    }
    return text;
}

std::string user_name(uid_t uid) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? entry.pw_name : std::to_string(uid);
}

std::string group_name(gid_t gid) {
    std::array<char, 4096> buffer{};
    group entry{};
    group* found = nullptr;
    getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? entry.gr_name : std::to_string(gid);
}

}  // namespace tepui::daemon
