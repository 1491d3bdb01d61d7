#pragma once

#include <cstdint>

#include "base/result.h"
#include "containerizer/unpack/arguments.h"

namespace tepui::containerizer::unpack {

struct Jail {
    JailedAs as;
    /// Root that may set owners, modes and capabilities of files, make whiteouts and nothing else.
    /// Without it no capability stays.
    bool keeps_owners = false;
    std::uint64_t memory_bytes_max = 0;
    std::uint64_t file_bytes_max = 0;  // Of each file; a write beyond it fails.
};

/// Makes the open directory `directory_fd` all that this process can reach, for good: see unpack.h.
/// As root every step must succeed; another user's process gets what the machine allows it, the
/// system call filter in any case, and cannot keep owners. Single-threaded processes only.
Result<void> enter_jail(int directory_fd, const Jail& jail);

}  // namespace tepui::containerizer::unpack
