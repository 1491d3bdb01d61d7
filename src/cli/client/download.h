#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/client/agent_files.h"

namespace tepui::cli {

/// Whether a name that an agent told may be the name of a file of ours: not empty, not "." or "..",
/// without '/' and control characters, at most 255 bytes.
bool is_safe_name(std::string_view name);

/// A folder of this machine that is written into by names only. Symbolic links in it are never
/// followed, so nothing outside of it is ever written.
class LocalFolder {
public:
    /// Opens a folder; makes it (not its parents) when it is missing.
    static Result<LocalFolder> open(const std::string& path);
    LocalFolder(LocalFolder&& other) noexcept;
    LocalFolder& operator=(LocalFolder&&) = delete;
    ~LocalFolder();

    /// A folder within; made when missing. Fails with conflict when something else has the name.
    Result<LocalFolder> folder(const std::string& name) const;
    /// A new file for writing, or one to overwrite with `force`; the descriptor is the caller's.
    /// Fails with conflict when it exists.
    Result<int> create(const std::string& name, bool force) const;

private:
    LocalFolder(int descriptor, std::string path)
        : descriptor_(descriptor), path_(std::move(path)) {}

    int descriptor_;
    std::string path_;  // For messages.
};

struct Downloaded {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
};

struct DownloadOptions {
    bool force = false;                           // Overwrite files that exist.
    std::function<void(const std::string&)> say;  // What is left out, and why.
};

/// Copies the file at `path` of an agent to `target`/`name`.
asio::awaitable<Result<Downloaded>> download_file(AgentFiles& files, std::string path,
                                                  const LocalFolder& target, std::string name,
                                                  const DownloadOptions& options);
/// Copies what the folder at `path` holds into `target`, folders within too. Links, devices and
/// unsafe names are left out.
asio::awaitable<Result<Downloaded>> download_folder(AgentFiles& files, std::string path,
                                                    const LocalFolder& target, unsigned depth,
                                                    const DownloadOptions& options);

}  // namespace tepui::cli
