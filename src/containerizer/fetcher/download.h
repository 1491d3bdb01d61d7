#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "containerizer/fetcher/transfer.h"

namespace tepui::containerizer::fetcher {

/// What downloads are made with.
struct DownloadContext {
    TransferLimits limits;
    Counters& counters;
    const std::atomic<bool>& cancelled;
    /// For the log, a line each: progress every ten seconds, retries.
    std::function<void(const std::string&)> log;
};

struct Downloaded {
    bool not_modified = false;  // What `known` was told of is still what the server has.
    Validators validators;
    std::uint64_t bytes = 0;
};

/// Writes what `target` is to `fd`, an empty file; `shown` is its name in texts. What fails for now
/// is tried again, five times in all, and goes on where it broke if the server can tell that the
/// bytes are the same ones. `grow` as in Sink.
Result<Downloaded> download(const Target& target, const std::string& shown, int fd,
                            const Validators& known, const DownloadContext& context,
                            std::function<Result<void>(std::uint64_t)> grow = {});

/// "12.3 MB" and the like.
std::string format_bytes(std::uint64_t bytes);

/// Waits; fails with cancelled as soon as `cancelled` is set.
Result<void> wait_for(Duration time, const std::atomic<bool>& cancelled);

}  // namespace tepui::containerizer::fetcher
