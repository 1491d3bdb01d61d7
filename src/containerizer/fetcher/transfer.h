#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "containerizer/fetcher/counters.h"
#include "containerizer/fetcher/target.h"

namespace tepui::containerizer::fetcher {

/// What holds for every transfer.
struct TransferLimits {
    Duration stall_timeout = 60s;
    std::uint64_t bytes_max = std::uint64_t{16} << 30;
    bool link_local = false;
};

/// Where the bytes go, over several attempts.
struct Sink {
    int fd = -1;
    std::uint64_t bytes = 0;  // Written so far.
    std::string etag;         // Of those; strong, or empty: they cannot be gone on with.
    std::uint64_t bytes_max = 0;
    /// Asked before the file grows to so many bytes; may be empty.
    std::function<Result<void>(std::uint64_t)> grow;

    Result<void> write(const char* data, std::size_t count);
    Result<void> restart();
};

/// What a server told of what it has.
struct Validators {
    std::string etag;
    std::string last_modified;
    bool any() const { return !etag.empty() || !last_modified.empty(); }
};

/// How one transfer ended.
struct Transferred {
    int code = 0;  // libcurl's.
    long status = 0;
    std::string text;  // libcurl's words.
    Validators validators;
    std::optional<Duration> retry_after;
    std::string error_body;      // Of an error status, its beginning.
    std::optional<Error> error;  // Of ours, which ended it.
};

/// Seen while it runs, some times a second: bytes so far, bytes expected (0: not known).
using OnProgress = std::function<void(std::uint64_t, std::uint64_t)>;

/// One request: what is already in `sink` is gone on with if the server agrees. With `known` it is
/// asked only for what is newer than that; status 304 then. After a redirect, of which ten are
/// followed, only http and https are spoken. What a name resolves to is checked, not the name:
/// link-local addresses are refused.
Transferred transfer(const Target& target, Sink& sink, const Validators& known,
                     const TransferLimits& limits, const std::atomic<bool>& cancelled,
                     Counters& counters, const OnProgress& progress);

}  // namespace tepui::containerizer::fetcher
