#pragma once

#include <cstdint>
#include <string>

namespace tepui::containerizer {

/// Of the fetcher, beside Options::fetch_*.
struct FetcherOptions {
    /// Where URIs that ask for it are cached; empty: "fetch" in the work directory. One agent alone
    /// may use it. What it holds at the start is removed, as in Mesos.
    std::string cache_dir;
    std::uint64_t cache_bytes = std::uint64_t{2} << 30;  // --fetcher_cache_size
    std::string hadoop_home;  // Its bin/hadoop; empty: $HADOOP_HOME, then the PATH.
};

/// Counted since the start, gauges as of now.
struct FetchStats {
    std::uint64_t cache_bytes_total = 0;  // What the cache may hold.
    std::uint64_t cache_bytes_used = 0;   // What it holds or is being filled with.
    std::uint64_t cache_hits = 0;
    std::uint64_t cache_misses = 0;
    std::uint64_t bytes_fetched = 0;  // From anywhere but the cache.
    std::uint64_t downloads = 0;      // URIs being fetched.
    std::uint64_t retries = 0;
};

}  // namespace tepui::containerizer
