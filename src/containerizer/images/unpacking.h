#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer::images {

/// What came out of an archive.
struct Unpacked {
    std::string diff_id;      // Digest of the uncompressed tar.
    std::uint64_t bytes = 0;  // Of files' data.
    std::uint64_t files = 0;
    std::uint64_t skipped = 0;  // Device nodes.
};

/// What a layer of `packed` bytes may become, `bytes_max` at most: programs pack to a third or so,
/// and one that becomes more than a hundred times its size (and more than 512 MB) is made to fill a
/// disk.
std::uint64_t unpacked_max(std::uint64_t packed, std::uint64_t bytes_max);

/// A tepui-unpack process at work (unpack.h, Kind::layer): it gets an archive piece by piece and
/// fills a directory, which is all that it sees of the machine. Ends with this object.
class Unpacking {
public:
    struct Limits {
        std::uint64_t bytes_max = 0;
        std::uint64_t files_max = 0;
        Duration stall_timeout = 60s;
        std::function<bool()> cancelled = {};  // Asked several times a second; empty: never.
    };
    /// `directory` is absolute, exists and is empty.
    static Result<Unpacking> start(const std::string& program, const std::string& directory,
                                   const Limits& limits);
    Unpacking(Unpacking&& other) noexcept;
    Unpacking& operator=(Unpacking&&) = delete;
    ~Unpacking();

    /// Gives it more of the archive. Blocks while it is busy. Fails with why the process gave up.
    Result<void> write(std::string_view bytes);
    /// There is no more. Marks the opaque directories. Errors: corrupt, denied, too_large, io,
    /// cancelled.
    Result<Unpacked> finish();

private:
    Unpacking(std::string directory, Limits limits)
        : directory_(std::move(directory)), limits_(limits) {}
    Result<void> wait_for(int fd, short events, Duration patience) const;
    Result<std::string> report();
    Result<Unpacked> read_end();

    std::string directory_;
    Limits limits_;
    pid_t pid_ = -1;
    Descriptor archive_;  // What it reads.
    Descriptor report_;
};

}  // namespace tepui::containerizer::images
