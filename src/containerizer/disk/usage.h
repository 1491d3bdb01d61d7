#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace tepui::containerizer {

/// What a directory tree takes on its disk, as du(1) tells it.
struct DiskUsage {
    std::uint64_t bytes = 0;  // Blocks in use; files with several names count once.
    bool complete = true;     // False: given up, because there were too many entries.
};

struct DiskWalk {
    std::uint64_t entries_max = 20'000'000;
    const std::atomic<bool>* cancelled = nullptr;
};

/// Walks the tree by descriptor: follows no link, stays on the top's file system, and needs no more
/// than a descriptor a level; of levels beyond 512 nothing is counted. What vanishes meanwhile is
/// not counted. Blocks for as long as the disk needs. Fails with not_found or io when the top
/// cannot be read, and with cancelled.
Result<DiskUsage> measure_tree(const std::string& top, const DiskWalk& walk = {});

}  // namespace tepui::containerizer
