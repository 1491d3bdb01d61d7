#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/prng.h"
#include "base/time.h"

namespace tepui::sim {

/// Simulated time and everything that is going to happen in it, in one order that the seed decides.
/// Nothing here knows real time: a minute passes as fast as its events are handled.
class Timeline {
public:
    explicit Timeline(std::uint64_t seed) : prng_(seed) {}

    Now now() const { return {now_, WallTime{now_.since_start + wall_offset_}}; }
    Prng& prng() { return prng_; }

    /// Runs `action` after `delay`; actions of the same instant run in the order they were added.
    void after(Duration delay, std::function<void()> action);
    /// Handles everything up to and including `end`, and leaves the time there.
    void run_until(Instant end);
    /// Moves the wall clock against the monotonic one, as an operator or NTP may.
    void jump_wall_clock(Duration by) { wall_offset_ += by; }

    /// Uniform in [from, to].
    Duration between(Duration from, Duration to);
    bool chance(double probability) { return prng_.unit() < probability; }

    /// A line of the run's story, for whoever replays a seed (see run()).
    template <typename... Args>
    void trace(fmt::format_string<Args...> format, Args&&... args) {
        if (on_trace)
            on_trace(fmt::format("{:>10.6f} {}", seconds(now_.since_start),
                                 fmt::format(format, std::forward<Args>(args)...)));
    }
    std::function<void(const std::string&)> on_trace;

    std::uint64_t events_handled() const { return events_handled_; }
    /// Mixes a value into the run's fingerprint: two runs of a seed must agree on it.
    void mark(std::uint64_t value) { fingerprint_ = (fingerprint_ ^ value) * 0x100000001b3; }
    std::uint64_t fingerprint() const { return fingerprint_; }

private:
    Prng prng_;
    Instant now_;
    Duration wall_offset_ = std::chrono::hours{24 * 365 * 56};
    std::uint64_t next_order_ = 0;
    std::uint64_t events_handled_ = 0;
    std::uint64_t fingerprint_ = 0xcbf29ce484222325;
    std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> queue_;
};

}  // namespace tepui::sim
