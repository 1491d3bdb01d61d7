#pragma once

#include <atomic>
#include <mutex>

#include "base/result.h"
#include "base/time.h"

namespace tepui::daemon {

/// How much a daemon's log tells: 0 is the usual, from 1 on every request is a line of its own. It
/// can be raised for a while and falls back by itself. Any thread.
class LogLevel {
public:
    static constexpr int requests = 1;

    int at(Instant now) const;
    /// Replaces an earlier raise; the usual level ends it. Fails with invalid_argument for a level
    /// below the usual one, and for a duration below zero.
    Result<void> raise(std::int64_t level, Duration duration, Instant now);

private:
    static constexpr int usual = 0;

    std::atomic<bool> raised_{false};  // May be true after its time; then nobody has asked since.
    mutable std::mutex mutex_;
    int level_ = usual;
    Instant until_;
};

}  // namespace tepui::daemon
