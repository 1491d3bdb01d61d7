#include "base/time.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace tepui {
namespace {

struct Unit {
    std::string_view name;
    double nanoseconds;
};

// Smallest first; format_duration takes the last that divides.
constexpr std::array<Unit, 8> units{{
    {"ns", 1},
    {"us", 1e3},
    {"ms", 1e6},
    {"secs", 1e9},
    {"mins", 60e9},
    {"hrs", 3600e9},
    {"days", 86400e9},
    {"weeks", 7 * 86400e9},
}};

Duration saturate(double nanoseconds) {
    if (std::isnan(nanoseconds)) return Duration::zero();
    // 2^63 is exact as a double; anything at or beyond it does not fit.
    constexpr double limit = 9223372036854775808.0;
    if (nanoseconds >= limit) return Duration::max();
    if (nanoseconds <= -limit) return Duration::min();
    return Duration{static_cast<std::int64_t>(nanoseconds)};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto bad = [&] {
        return fail(Errc::invalid_argument,
                    "'{}' is not a duration; write a number and a unit, as in 500ms, 15secs, "
                    "10mins, 2hrs, 1days or 1weeks",
                    text);
    };
    if (error != std::errc{}) return bad();
    const std::string_view unit_name = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const Unit& unit : units) {
        if (unit.name != unit_name) continue;
        const double nanoseconds = number * unit.nanoseconds;
        if (!std::isfinite(nanoseconds) || std::abs(nanoseconds) >= 9.2e18) {
            return fail(Errc::invalid_argument, "the duration '{}' is beyond 292 years", text);
        }
        return Duration{std::llround(nanoseconds)};
    }
    return bad();
}

std::string format_duration(Duration duration) {
    const std::int64_t count = duration.count();
    if (count == 0) return "0ns";
    const double magnitude = std::abs(static_cast<double>(count));
    const Unit* best = &units[0];
    for (const Unit& unit : units) {
        const auto whole = static_cast<std::int64_t>(unit.nanoseconds);
        if (magnitude >= unit.nanoseconds && (count % whole == 0 || unit.nanoseconds <= 1e9)) {
            best = &unit;
        }
    }
    return fmt::format("{}{}", static_cast<double>(count) / best->nanoseconds, best->name);
}

Duration duration_from_seconds(double seconds) { return saturate(seconds * 1e9); }

}  // namespace tepui
