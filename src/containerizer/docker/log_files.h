#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "containerizer/descriptor.h"
#include "containerizer/docker/log_frames.h"

namespace tepui::containerizer::docker {

struct LogLimit {
    std::uint64_t bytes_max = 0;  // Of a file before it is rotated; 0: never.
    std::uint32_t files_max = 1;  // The current one included.
    bool operator==(const LogLimit&) const = default;
};
/// Of stdout and stderr.
using LogLimits = std::array<LogLimit, 2>;

/// The files stdout and stderr of a sandbox, written from the Engine's logs without loss or
/// doubling across deaths of the agent and of the Engine.
///
/// How far they are is kept in a small file outside of the sandbox: for each stream the time of the
/// last frame, how many frames had that time, and the file and its size then. A later agent asks
/// the Engine for what is newer; what the file has more than the record says is the beginning of
/// that, and is not written again. The record is one write of less than a page: a killed process
/// leaves it old or new.
class LogFiles {
public:
    using Owner = std::optional<std::pair<uid_t, gid_t>>;

    /// Opens or makes the files. `record`: the path of the position.
    static Result<std::unique_ptr<LogFiles>> open(Descriptor sandbox, const std::string& record,
                                                  LogLimits limits, Owner owner);

    /// Before each asking of the Engine: from when. Forgets what had come of a broken stream.
    std::string begin();
    /// What the Engine sent since begin(). Fails on what are no frames; a full disk is no failure.
    Result<void> take(std::string_view bytes);

private:
    struct Stream {
        const char* name;
        LogLimit limit = {};
        Descriptor file = {};
        // As recorded.
        std::string time = {};
        std::uint64_t count = 0;  // Frames with that time.
        std::uint64_t inode = 0;
        std::uint64_t size = 0;
        // Of the asking.
        std::uint64_t seen = 0;  // Of those with that time.
        std::uint64_t skip = 0;  // Bytes that the file has already.
        bool replaying = true;
    };

    LogFiles(Descriptor sandbox, Descriptor record, Owner owner)
        : sandbox_(std::move(sandbox)), record_(std::move(record)), owner_(owner) {}

    Result<void> open_file(Stream& stream, bool fresh);
    void read_record();
    void write_record();
    std::uint64_t unrecorded(const Stream& stream) const;
    void accept(const LogFrame& frame);
    void store(Stream& stream, std::string_view bytes);
    void rotate(Stream& stream);

    const Descriptor sandbox_;
    const Descriptor record_;
    const Owner owner_;
    std::array<Stream, 2> streams_{Stream{"stdout"}, Stream{"stderr"}};
    FrameCutter cutter_;
};

}  // namespace tepui::containerizer::docker
