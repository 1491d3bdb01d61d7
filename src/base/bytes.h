#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui {

/// A size in bytes.
struct Bytes {
    std::uint64_t count = 0;

    static constexpr Bytes kilobytes(std::uint64_t n) { return {n << 10}; }
    static constexpr Bytes megabytes(std::uint64_t n) { return {n << 20}; }
    static constexpr Bytes gigabytes(std::uint64_t n) { return {n << 30}; }
    auto operator<=>(const Bytes&) const = default;
};

/// Reads Mesos' size text: a whole number and B, KB, MB, GB or TB (powers of 1024): `10GB`.
Result<Bytes> parse_bytes(std::string_view text);

/// Writes a size with the largest unit that divides it: "64MB", "1000B".
std::string format_bytes(Bytes bytes);

}  // namespace tepui
