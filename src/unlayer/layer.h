#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tepui::unlayer {

struct Limits {
    std::uint64_t bytes_max = 0;
    std::uint64_t files_max = 0;
};

/// What came out of an archive.
struct Unpacked {
    std::vector<std::string> opaque;  // Directories that hide those beneath them.
    std::string sha256;               // Of the uncompressed tar, hexadecimal.
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;
    std::uint64_t skipped = 0;  // Device nodes: a container's /dev is made for it.
};

/// Unpacks the tar (plain, gzip or zstd) read from `fd` into the root directory: a layer, whose
/// names ".wh.NAME" and ".wh..wh..opq" take away what layers beneath have. Throws Failure.
Unpacked unpack_layer(int fd, const Limits& limits);

}  // namespace tepui::unlayer
