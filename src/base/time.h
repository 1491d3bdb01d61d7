#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui {

using namespace std::chrono_literals;

/// A span of time in nanoseconds, as DurationInfo carries it.
using Duration = std::chrono::nanoseconds;

/// A point on the monotonic time line of one process (or of one simulated world). Timeouts and
/// deadlines are Instants, so that a jump of the wall clock moves none of them.
struct Instant {
    Duration since_start{0};

    static constexpr Instant max() { return Instant{Duration::max()}; }

    auto operator<=>(const Instant&) const = default;
    /// Saturates at Instant::max(), so that "never" stays never.
    friend constexpr Instant operator+(Instant instant, Duration span) {
        if (span > Duration::zero() && instant.since_start > Duration::max() - span) return max();
        return Instant{instant.since_start + span};
    }
    friend constexpr Instant operator-(Instant instant, Duration span) {
        return Instant{instant.since_start - span};
    }
    friend constexpr Duration operator-(Instant later, Instant earlier) {
        return later.since_start - earlier.since_start;
    }
    constexpr Instant& operator+=(Duration span) { return *this = *this + span; }
};

/// A point on the wall clock: nanoseconds since 1970-01-01T00:00:00Z. For people and the wire only.
struct WallTime {
    Duration since_epoch{0};

    /// Seconds since the epoch as the wire writes them (TaskStatus.timestamp).
    double seconds() const { return std::chrono::duration<double>(since_epoch).count(); }
    auto operator<=>(const WallTime&) const = default;
};

/// The two clocks, read together. Cores get it with each event and never read a clock themselves.
struct Now {
    Instant instant;
    WallTime wall;

    bool operator==(const Now&) const = default;
};

/// Reads Mesos' duration text: a decimal number and a unit without a space between them; units ns,
/// us, ms, secs, mins, hrs, days, weeks (`10secs`, `1.5hrs`, `-5mins`). Fails on anything else.
Result<Duration> parse_duration(std::string_view text);

/// Writes a duration in Mesos' syntax with the largest unit that divides it ("15secs", "1.5ms").
std::string format_duration(Duration duration);

/// Converts seconds of the wire (failover_timeout, refuse_seconds) to a Duration; infinities and
/// values beyond the range saturate, NaN gives zero.
Duration duration_from_seconds(double seconds);

inline double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace tepui
