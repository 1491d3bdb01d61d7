#include "resources/value_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

namespace tepui {

namespace {

std::vector<std::string_view> split_at_commas(std::string_view text) {
    std::vector<std::string_view> parts;
    if (trim(text).empty()) return parts;
    for (;;) {
        const auto comma = text.find(',');
        parts.push_back(trim(text.substr(0, comma)));
        if (comma == std::string_view::npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

Result<Ranges> parse_ranges(std::string_view inner) {
    Ranges ranges;
    for (const auto part : split_at_commas(inner)) {
        const auto dash = part.find('-');
        const auto begin = parse_number<std::uint64_t>(trim(part.substr(0, dash)));
        const auto end = dash == std::string_view::npos
                             ? begin
                             : parse_number<std::uint64_t>(trim(part.substr(dash + 1)));
        if (!begin || !end) {
            return fail(Errc::invalid_argument, "'{}' is not a range; expected BEGIN-END", part);
        }
        if (*begin > *end) return fail(Errc::invalid_argument, "range '{}' runs backwards", part);
        for (const auto& other : ranges.list) {
            if (*begin <= other.end && other.begin <= *end) {
                return fail(Errc::invalid_argument, "range '{}' overlaps another", part);
            }
        }
        ranges.list.push_back({*begin, *end});
    }
    normalize(ranges);
    return ranges;
}

Result<std::set<std::string>> parse_set(std::string_view inner) {
    std::set<std::string> items;
    for (const auto part : split_at_commas(inner)) {
        if (part.empty()) return fail(Errc::invalid_argument, "a set item is empty");
        if (!items.emplace(part).second) {
            return fail(Errc::invalid_argument, "set item '{}' is given twice", part);
        }
    }
    return items;
}

}  // namespace

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

Result<TextValue> parse_value(std::string_view text) {
    text = trim(text);
    if (text.empty()) return fail(Errc::invalid_argument, "the value is empty");
    const auto inner = [&] { return text.substr(1, text.size() - 2); };
    if (text.front() == '[') {
        if (text.back() != ']') return fail(Errc::invalid_argument, "'{}' lacks its ']'", text);
        return TextValue{TEPUI_TRY(parse_ranges(inner()))};
    }
    if (text.front() == '{') {
        if (text.back() != '}') return fail(Errc::invalid_argument, "'{}' lacks its '}}'", text);
        return TextValue{TEPUI_TRY(parse_set(inner()))};
    }
    // "nan" and "inf" are words here, not numbers.
    if (const auto number = parse_number<double>(text); number && std::isfinite(*number)) {
        return TextValue{*number};
    }
    return TextValue{std::string(text)};
}

std::string to_string(const std::set<std::string>& items) {
    std::string text = "{";
    for (const auto& item : items) {
        if (text.size() > 1) text += ", ";
        text += item;
    }
    return text + "}";
}

}  // namespace tepui
