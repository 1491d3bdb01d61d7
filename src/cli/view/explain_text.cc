#include "cli/view/explain_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "cli/view/text.h"

namespace tepui::cli {

Quantities read_amounts(const JsonValue* object) {
    Quantities amounts;
    if (object == nullptr) return amounts;
    for (const std::string& name : object->names) {
        const auto amount = Quantity::from_double(object->number_of(name));
        if (amount.milli != 0) amounts[printable(name)] = amount;
    }
    return amounts;
}

std::string flag_amounts(const Quantities& amounts) {
    std::string text;
    for (const auto& [name, amount] : amounts) {
        text += fmt::format("{}{}:{}", text.empty() ? "" : ";", name, to_string(amount));
    }
    return text;
}

std::string framework_text(const std::string& id, const std::string& name) {
    return printable(name.empty() ? "framework " + id : fmt::format("framework {} ({})", name, id));
}

std::string rescind_command(const std::vector<std::string>& framework_ids) {
    std::string words;
    for (const std::string& id : framework_ids) words += ' ' + shell_word(id);
    return fmt::format("tepui offer rescind $(tepui offer list -o name{})", words);
}

std::string span_text(double seconds) {
    const double span = std::max(0.0, seconds);
    if (span < 120) return fmt::format("{:.0f} s", std::ceil(span));
    if (span < 120 * 60) return fmt::format("{:.0f} min", std::floor(span / 60));
    if (span < 48 * 3600) return fmt::format("{:.0f} h", std::floor(span / 3600));
    return fmt::format("{:.0f} days", std::floor(span / 86400));
}

std::string shell_word(const std::string& text) {
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
    if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
    std::string word = "'";
    for (const char c : printable(text)) {
        if (c == '\'') {
            word += "'\\''";
        } else {
            word += c;
        }
    }
    return word + "'";
}

std::string count_text(double count, std::string_view noun) {
    return fmt::format("{:.0f} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace tepui::cli
