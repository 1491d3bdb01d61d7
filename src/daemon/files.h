#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::daemon {

/// One entry of a directory.
struct FileEntry {
    std::string path;  // Virtual.
    struct stat status{};
};

struct FilePage {
    std::uint64_t offset = 0;  // Where `data` begins.
    std::uint64_t size = 0;    // Of the whole file.
    std::string data;
};

/// Directories and files of this machine under virtual paths, for the /files endpoints. What is
/// attached may be in the hands of a hostile task, exist later or be replaced (a log's rotation): a
/// path is resolved by the kernel beneath the attached directory (openat2 with RESOLVE_BENEATH and
/// RESOLVE_NO_MAGICLINKS), so that neither ".." nor a link, even one that is exchanged meanwhile,
/// leads out of it. Only regular files are read.
///
/// Any thread. Calls block for file operations.
class Files {
public:
    static constexpr std::uint64_t page_bytes_max = std::uint64_t{64} << 10;
    static constexpr std::uint64_t download_bytes_max = std::uint64_t{256} << 20;

    /// Shows `real` (absolute) as `virtual_path`; one attached twice is replaced.
    void attach(std::string virtual_path, std::string real);
    void detach(const std::string& virtual_path);
    /// Detaches every virtual path of `real` and of what lies in it.
    void detach_real(const std::string& real);
    std::map<std::string, std::string> attached() const;

    // All of these fail with not_found when nothing of that name is attached or there, denied when
    // the path leads out of what is attached, invalid_argument when it is no fit kind of file.

    /// The entries of a directory, sorted; nothing is below a file.
    Result<std::vector<FileEntry>> list(std::string_view path) const;
    /// At most page_bytes_max bytes from `offset`; without an offset no data, but the size as
    /// offset.
    Result<FilePage> read(std::string_view path, std::optional<std::uint64_t> offset,
                          std::optional<std::uint64_t> length) const;
    /// The whole file; too_large beyond download_bytes_max.
    Result<std::string> download(std::string_view path) const;

private:
    struct Place {
        std::string real;  // The attached directory or file.
        std::string rest;  // The path beneath it; empty for itself.
    };
    Result<Place> find(std::string_view path) const;

    mutable std::mutex mutex_;
    std::map<std::string, std::string, std::less<>> attached_;
};

/// The entry as the v1 APIs show it.
mesos::v1::FileInfo file_info(const FileEntry& entry);
/// "drwxr-xr-x".
std::string mode_text(mode_t mode);
/// The name of a user or group, or its number.
std::string user_name(uid_t uid);
std::string group_name(gid_t gid);

}  // namespace tepui::daemon
