#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/output/json_value.h"
#include "http/client.h"

namespace tepui::cli {

namespace asio = boost::asio;

struct FilePart {
    std::uint64_t size = 0;  // Of the whole file, when it was read.
    std::string data;
};

/// One entry of a folder, as /files/browse tells it.
struct RemoteFile {
    std::string path;  // As it must be given to read it.
    std::string mode;  // "-rw-r--r--"; the first letter is 'd' for folders.
    std::string owner;
    std::string group;
    std::uint64_t size = 0;
    double modified = 0;  // Seconds since the epoch.

    bool is_folder() const { return mode.starts_with('d'); }
    bool is_file() const { return mode.starts_with('-'); }
    std::string name() const { return path.substr(path.rfind('/') + 1); }
};

/// Reads files of sandboxes through an agent's HTTP API: READ_FILE of /api/v1, whose bytes are
/// exact, or /files/read where an agent does not know the call.
class AgentFiles {
public:
    /// `agent` is "host:port".
    AgentFiles(http::Client& client, std::string agent)
        : client_(client), agent_(std::move(agent)) {}

    /// Up to `length` bytes from `offset`; not_found when there is no such file (yet), io when the
    /// agent cannot be reached.
    asio::awaitable<Result<FilePart>> read(std::string path, std::uint64_t offset,
                                           std::uint64_t length);
    /// What a folder holds, in the agent's order; not_found for a file as well as for nothing.
    asio::awaitable<Result<std::vector<RemoteFile>>> list(std::string path);
    /// A GET endpoint that answers JSON, for instance "/state".
    asio::awaitable<Result<JsonValue>> get(std::string target);

private:
    asio::awaitable<Result<FilePart>> read_by_call(std::string path, std::uint64_t offset,
                                                   std::uint64_t length);
    asio::awaitable<Result<FilePart>> read_by_route(std::string path, std::uint64_t offset,
                                                    std::uint64_t length);
    asio::awaitable<Result<http::Response>> ask(http::ClientRequest request);

    http::Client& client_;
    std::string agent_;
    bool knows_call_ = true;
};

/// How a file is followed.
struct FollowOptions {
    bool follow = true;           // Go on at the end of the file until `ended`.
    std::function<bool()> ended;  // Whether the writer is gone; asked before each read.
    Duration poll = 200ms;        // Between two looks at a file that has not grown.
    Duration patience = 10s;      // With an agent that does not answer, once ended.
    std::uint64_t part_bytes = 64 << 10;
};

/// Gives the file's bytes to `sink` from its beginning on, in order. A file that became shorter was
/// rotated: what was not read of it is looked for in PATH.1, then it is read from its new
/// beginning. A file that does not exist yet is waited for until `ended`; one that never comes is
/// an empty one when following, and not_found when not.
asio::awaitable<Result<void>> follow_file(AgentFiles& files, std::string path,
                                          FollowOptions options,
                                          std::function<void(std::string_view)> sink);

/// Puts "[label] " in front of each line. Keeps the beginning of a line until its end has come.
class LinePrefixer {
public:
    /// An empty label passes everything through as it is.
    LinePrefixer(std::string label, std::function<void(std::string_view)> sink);
    void write(std::string_view bytes);
    /// Writes an unfinished last line, with a line end.
    void finish();

private:
    std::string prefix_;
    std::function<void(std::string_view)> sink_;
    std::string line_;
};

/// The virtual path of a task's sandbox on its agent. The executor's id of a command task is the
/// task's own.
std::string sandbox_path(std::string_view framework, std::string_view executor);

}  // namespace tepui::cli
