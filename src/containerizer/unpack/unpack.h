#pragma once

// Unpacks what strangers made: one call, on a worker; about 5 ms and the unpacking itself.
//
// The work is done by the program tepui-unpack (the folder jailed), which knows nothing but an open
// archive, an open directory and its limits. Before it reads a byte of the archive it has made that
// directory its root, has namespaces of its own (mounts, network, IPC), only the rights that its
// kind needs and no new privileges, and a seccomp filter lets only the calls through that unpacking
// needs. In there it still opens everything beneath its root, an archive's files without following
// links: each of the two is enough alone.

#include <atomic>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "containerizer/user.h"

namespace tepui::containerizer::unpack {

enum class Kind : std::uint8_t {
    /// tar, also compressed by gzip, bzip2, xz or zstd; zip. Everything belongs to `user`. Refused,
    /// with what came before left in place: absolute names, names with "..", names through symbolic
    /// links, hard links to anything but a file beneath the directory, devices, pipes, sockets.
    /// Set-user-ID bits and the like are dropped.
    archive,
    /// One file that gzip compressed, to `output`.
    gzip,
    /// A layer of an image: tar, also compressed by gzip or zstd, into an empty directory. Owners,
    /// modes and whiteouts are kept, names lead where a container would follow them. Read as it
    /// comes: images/unpacking.h starts it. Of Limits only bytes_max, of files' data, and
    /// entries_max count.
    layer,
};

/// More than any of these is Errc::too_large.
struct Limits {
    std::uint64_t bytes_max = std::uint64_t{16} << 30;  // Written; 512 for each entry as well.
    std::uint64_t entries_max = 1'000'000;
    std::uint64_t ratio_max = 100;  // Of what is written to the archive's size, ...
    std::uint64_t ratio_free_bytes = std::uint64_t{256} << 20;  // ... looked at beyond this.
    Duration time_max = 30min;
};

struct Job {
    std::string program;         // Of tepui-unpack.
    int archive_fd = -1;         // A file, read from its beginning.
    int directory_fd = -1;       // What the archive is unpacked into.
    const User* user = nullptr;  // nullptr: as this process.
    Kind kind = Kind::archive;
    std::string output;  // Kind::gzip: relative to the directory.
    Limits limits;
};

struct Unpacked {
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
    // Of layers:
    std::uint64_t skipped = 0;             // Device nodes: a container's /dev is made for it.
    std::string sha256 = {};               // Of the uncompressed tar, hexadecimal.
    std::vector<std::string> opaque = {};  // Directories that hide those beneath them.
};

/// Blocks until it is unpacked, or `cancelled`. After an error what was unpacked so far stays. The
/// error names the archive's entry that it is about; corrupt: the archive, or it ended early.
Result<Unpacked> run(const Job& job, const std::atomic<bool>& cancelled);

/// Where tepui-unpack is: beside the shim.
std::string program_beside(const std::string& shim_path);

}  // namespace tepui::containerizer::unpack
