#pragma once

#include <atomic>
#include <cstdint>

namespace tepui::containerizer::fetcher {

/// What FetchStats are made of; any thread.
struct Counters {
    std::atomic<std::uint64_t> cache_hits = 0;
    std::atomic<std::uint64_t> cache_misses = 0;
    std::atomic<std::uint64_t> bytes = 0;
    std::atomic<std::uint64_t> downloads = 0;
    std::atomic<std::uint64_t> retries = 0;
};

}  // namespace tepui::containerizer::fetcher
