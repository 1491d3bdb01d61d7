#include "base/quantity.h"

#include <cmath>

#include <fmt/core.h>

namespace tepui {

Quantity Quantity::from_double(double value) {
    if (std::isnan(value)) return {};
    // A quarter of the range, so that sums of saturated values still do not overflow.
    constexpr double limit = 2.3e18;
    const double milli = value * 1000.0;
    if (milli >= limit) return {static_cast<std::int64_t>(limit)};
    if (milli <= -limit) return {-static_cast<std::int64_t>(limit)};
    return {std::llround(milli)};
}

std::string to_string(Quantity quantity) { return fmt::format("{}", quantity.to_double()); }

}  // namespace tepui
