#include "daemon/log_level.h"

#include <limits>

namespace tepui::daemon {

int LogLevel::at(Instant now) const {
    if (!raised_.load(std::memory_order_relaxed)) return usual;
    const std::scoped_lock lock(mutex_);
    return now < until_ ? level_ : usual;
}

Result<void> LogLevel::raise(std::int64_t level, Duration duration, Instant now) {
    if (level < usual || level > std::numeric_limits<int>::max())
        return fail(Errc::invalid_argument,
                    "The level {} is not possible: it can only be raised above {}.", level, usual);
    if (duration < Duration::zero())
        return fail(Errc::invalid_argument, "The duration {} is below zero.",
                    format_duration(duration));
    const std::scoped_lock lock(mutex_);
    level_ = static_cast<int>(level);
    until_ = now + duration;
    raised_.store(level_ != usual, std::memory_order_relaxed);
    return {};
}

}  // namespace tepui::daemon
