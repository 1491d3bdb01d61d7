#include "resources/ranges.h"

#include <algorithm>
#include <limits>

#include <fmt/core.h>

namespace tepui {

namespace {

constexpr std::uint64_t value_max = std::numeric_limits<std::uint64_t>::max();

/// Whether `next`, which begins no earlier, overlaps or touches `last`.
bool joins(const Ranges::Range& last, const Ranges::Range& next) {
    return last.end == value_max || next.begin <= last.end + 1;
}

bool is_normal(const Ranges& ranges) {
    for (std::size_t i = 1; i < ranges.list.size(); ++i) {
        const auto& last = ranges.list[i - 1];
        if (ranges.list[i].begin < last.begin || joins(last, ranges.list[i])) return false;
    }
    return true;
}

}  // namespace

void normalize(Ranges& ranges) {
    if (is_normal(ranges)) return;
    std::sort(ranges.list.begin(), ranges.list.end());
    std::vector<Ranges::Range> joined;
    for (const auto& range : ranges.list) {
        if (!joined.empty() && joins(joined.back(), range)) {
            joined.back().end = std::max(joined.back().end, range.end);
        } else {
            joined.push_back(range);
        }
    }
    ranges.list = std::move(joined);
}

Ranges& Ranges::operator+=(const Ranges& other) {
    if (other.list.empty()) return *this;
    list.insert(list.end(), other.list.begin(), other.list.end());
    normalize(*this);
    return *this;
}

Ranges& Ranges::operator-=(const Ranges& other) {
    if (other.list.empty() || list.empty()) return *this;
    if (list == other.list) {
        list.clear();
        return *this;
    }
    std::vector<Range> left;
    auto cut = other.list.begin();
    for (Range range : list) {
        while (cut != other.list.end() && cut->end < range.begin) ++cut;
        // One cut may reach into the next range, so `cut` itself only moves past what ended.
        bool rest = true;
        for (auto it = cut; it != other.list.end() && it->begin <= range.end; ++it) {
            if (it->begin > range.begin) left.push_back({range.begin, it->begin - 1});
            if (it->end >= range.end) {
                rest = false;
                break;
            }
            range.begin = it->end + 1;
        }
        if (rest) left.push_back(range);
    }
    list = std::move(left);
    return *this;
}

bool Ranges::contains(const Ranges& other) const {
    auto it = list.begin();
    for (const auto& range : other.list) {
        while (it != list.end() && it->end < range.begin) ++it;
        if (it == list.end() || it->begin > range.begin || it->end < range.end) return false;
    }
    return true;
}

std::string to_string(const Ranges& ranges) {
    std::string text = "[";
    for (const auto& range : ranges.list) {
        if (text.size() > 1) text += ", ";
        text += fmt::format("{}-{}", range.begin, range.end);
    }
    return text + "]";
}

}  // namespace tepui
