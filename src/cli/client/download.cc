#include "cli/client/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/core.h>

namespace tepui::cli {

namespace {

constexpr unsigned depth_max = 64;
constexpr std::uint64_t part_bytes = std::uint64_t{1} << 20;

std::unexpected<Error> system_error(const std::string& what) {
    return fail(Errc::io, "{}: {}", what, std::strerror(errno));
}

Result<void> write_whole(int descriptor, std::string_view data) {
    while (!data.empty()) {
        const ssize_t written = ::write(descriptor, data.data(), data.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return system_error("writing");
        data.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

asio::awaitable<Result<std::uint64_t>> copy(AgentFiles& files, std::string path, int descriptor) {
    std::uint64_t offset = 0;
    for (;;) {
        auto part = co_await files.read(path, offset, part_bytes);
        if (!part) co_return std::unexpected(part.error());
        if (part->data.empty()) co_return offset;
        const auto written = write_whole(descriptor, part->data);
        if (!written) co_return std::unexpected(written.error());
        offset += part->data.size();
    }
}

}  // namespace

bool is_safe_name(std::string_view name) {
    constexpr std::size_t bytes_max = 255;
    if (name.empty() || name == "." || name == ".." || name.size() > bytes_max) return false;
    return std::none_of(name.begin(), name.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return c == '/' || byte < 0x20 || byte == 0x7f;
    });
}

Result<LocalFolder> LocalFolder::open(const std::string& path) {
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
        return system_error(fmt::format("making the folder {}", path));
    }
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return system_error(fmt::format("opening the folder {}", path));
    return LocalFolder(descriptor, path);
}

LocalFolder::LocalFolder(LocalFolder&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

LocalFolder::~LocalFolder() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<LocalFolder> LocalFolder::folder(const std::string& name) const {
    const std::string path = fmt::format("{}/{}", path_, name);
    if (!is_safe_name(name)) return fail(Errc::conflict, "'{}' is no name for a folder", name);
    if (::mkdirat(descriptor_, name.c_str(), 0777) != 0 && errno != EEXIST) {
        return system_error(fmt::format("making the folder {}", path));
    }
    const int descriptor =
        ::openat(descriptor_, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) {
        return fail(Errc::conflict, "{} exists here and is no folder", path);
    }
    return LocalFolder(descriptor, path);
}

Result<int> LocalFolder::create(const std::string& name, bool force) const {
    const std::string path = fmt::format("{}/{}", path_, name);
    if (!is_safe_name(name)) return fail(Errc::conflict, "'{}' is no name for a file", name);
    const int how = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (force ? O_TRUNC : O_EXCL);
    const int descriptor = ::openat(descriptor_, name.c_str(), how, 0666);
    if (descriptor >= 0) return descriptor;
    if (errno == EEXIST) {
        return fail(Errc::conflict, "{} exists here already; --force overwrites it", path);
    }
    if (errno == ELOOP) return fail(Errc::conflict, "{} is a symbolic link here", path);
    return system_error(fmt::format("making {}", path));
}

asio::awaitable<Result<Downloaded>> download_file(AgentFiles& files, std::string path,
                                                  const LocalFolder& target, std::string name,
                                                  const DownloadOptions& options) {
    // A file that is not there leaves nothing here.
    auto probe = co_await files.read(path, 0, 1);
    if (!probe) co_return std::unexpected(probe.error());
    const auto descriptor = target.create(name, options.force);
    if (!descriptor) co_return std::unexpected(descriptor.error());
    auto copied = co_await copy(files, path, *descriptor);
    ::close(*descriptor);
    if (!copied) co_return fail_with(path, copied.error());
    co_return Downloaded{1, *copied};
}

asio::awaitable<Result<Downloaded>> download_folder(AgentFiles& files, std::string path,
                                                    const LocalFolder& target, unsigned depth,
                                                    const DownloadOptions& options) {
    if (depth > depth_max) {
        co_return fail(Errc::too_large, "{}: folders lie more than {} deep", path, depth_max);
    }
    auto entries = co_await files.list(path);
    if (!entries) co_return std::unexpected(entries.error());
    Downloaded sum;
    for (const RemoteFile& entry : *entries) {
        const std::string name = entry.name();
        if (!is_safe_name(name) || (!entry.is_folder() && !entry.is_file())) {
            options.say(fmt::format("left out {}: it is neither file nor folder", entry.path));
            continue;
        }
        Result<Downloaded> got;
        if (entry.is_folder()) {
            const auto folder = target.folder(name);
            if (!folder) co_return std::unexpected(folder.error());
            got = co_await download_folder(files, entry.path, *folder, depth + 1, options);
        } else {
            got = co_await download_file(files, entry.path, target, name, options);
        }
        // What the task removed meanwhile is no failure of the rest.
        if (!got && got.error().code == Errc::not_found) {
            options.say(fmt::format("left out {}: it is there no more", entry.path));
            continue;
        }
        if (!got) co_return std::unexpected(got.error());
        sum.files += got->files;
        sum.bytes += got->bytes;
    }
    co_return sum;
}

}  // namespace tepui::cli
