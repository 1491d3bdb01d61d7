#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>
#include <optional>
#include <string_view>

namespace tepui::wire {

/// The whole number that `number` is exactly, if it is one and fits.
template <std::integral Integer>
std::optional<Integer> whole_number(double number) {
    // Both bounds are powers of two (or zero), so they are exact as doubles; max() itself is not.
    constexpr double lowest = static_cast<double>(std::numeric_limits<Integer>::min());
    constexpr double beyond =
        2.0 * static_cast<double>(std::numeric_limits<Integer>::max() / 2 + 1);
    if (!(number >= lowest && number < beyond) || number != std::trunc(number)) return std::nullopt;
    return static_cast<Integer>(number);
}

/// The floating-point number that `text` spells, all of it: decimal notation, "Infinity",
/// "-Infinity" or "NaN". Nothing for other spellings and for numbers too large for a double.
inline std::optional<double> parse_double(std::string_view text) {
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    double number = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    // from_chars also knows "inf" and "nan(...)", which are not ours.
    if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(number))
        return std::nullopt;
    return number;
}

/// The whole number that `text` spells, all of it; "5.0" and "5e3" are whole numbers too.
template <std::integral Integer>
std::optional<Integer> parse_integer(std::string_view text) {
    Integer integer = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, integer);
    if (parsed.ec == std::errc() && parsed.ptr == end) return integer;
    const auto number = parse_double(text);
    return number ? whole_number<Integer>(*number) : std::nullopt;
}

}  // namespace tepui::wire
