#pragma once

#include <cstdint>
#include <string>

namespace tepui {

/// A scalar resource in thousandths, the precision of Mesos (semantics: three decimals). Sums and
/// differences are exact, so 0.1 + 0.2 is 0.3.
struct Quantity {
    std::int64_t milli = 0;

    /// Rounds to the nearest thousandth; NaN gives 0, infinities and huge values saturate.
    static Quantity from_double(double value);
    double to_double() const { return static_cast<double>(milli) / 1000.0; }

    auto operator<=>(const Quantity&) const = default;
    friend Quantity operator+(Quantity a, Quantity b) { return {a.milli + b.milli}; }
    friend Quantity operator-(Quantity a, Quantity b) { return {a.milli - b.milli}; }
    Quantity& operator+=(Quantity other) {
        milli += other.milli;
        return *this;
    }
    Quantity& operator-=(Quantity other) {
        milli -= other.milli;
        return *this;
    }
};

/// Shortest decimal text: "0.1", "8", "1024.5".
std::string to_string(Quantity quantity);

}  // namespace tepui
