#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace tepui {

/// Inclusive, sorted, coalesced ranges: ports.
struct Ranges {
    struct Range {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        auto operator<=>(const Range&) const = default;
    };
    std::vector<Range> list;

    bool empty() const { return list.empty(); }
    bool operator==(const Ranges&) const = default;

    /// Union.
    Ranges& operator+=(const Ranges& other);
    /// Difference; what is not there is ignored.
    Ranges& operator-=(const Ranges& other);
    bool contains(const Ranges& other) const;
};

/// Sorts and coalesces in place; overlapping and adjacent ranges become one.
void normalize(Ranges& ranges);

/// "[1-3, 7-7]", as the wire's texts and endpoints write it.
std::string to_string(const Ranges& ranges);

}  // namespace tepui
