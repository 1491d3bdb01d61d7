#include "cli/flags/checks.h"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace tepui::cli {

Result<std::uint64_t> parse_whole(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return fail(Errc::invalid_argument, "'{}' is not a whole number", text);
    }
    return number;
}

FlagCheck duration_between(Duration least, Duration most) {
    return [=](std::string_view text) -> Result<void> {
        const Duration duration = TEPUI_TRY(parse_duration(text));
        if (duration >= least && duration <= most) return {};
        if (most == Duration::max()) {
            return fail(Errc::invalid_argument, "'{}' is less than {}", text,
                        format_duration(least));
        }
        return fail(Errc::invalid_argument, "'{}' is not from {} to {}", text,
                    format_duration(least), format_duration(most));
    };
}

FlagCheck whole_number_between(std::uint64_t least, std::uint64_t most) {
    return [=](std::string_view text) -> Result<void> {
        const std::uint64_t number = TEPUI_TRY(parse_whole(text));
        if (number >= least && number <= most) return {};
        return fail(Errc::invalid_argument, "'{}' is not from {} to {}", text, least, most);
    };
}

FlagCheck bytes_between(Bytes least, Bytes most) {
    return [=](std::string_view text) -> Result<void> {
        const Bytes bytes = TEPUI_TRY(parse_bytes(text));
        if (bytes >= least && bytes <= most) return {};
        return fail(Errc::invalid_argument, "'{}' is not from {} to {}", text, format_bytes(least),
                    format_bytes(most));
    };
}

FlagCheck one_of(std::vector<std::string> choices) {
    return [choices = std::move(choices)](std::string_view text) -> Result<void> {
        if (std::find(choices.begin(), choices.end(), text) != choices.end()) return {};
        return fail(Errc::invalid_argument, "'{}' is not one of {}", text,
                    fmt::join(choices, ", "));
    };
}

FlagCheck not_empty() {
    return [](std::string_view text) -> Result<void> {
        if (!text.empty()) return {};
        return fail(Errc::invalid_argument, "it is empty");
    };
}

}  // namespace tepui::cli
