#include "resources/id_validation.h"

#include <algorithm>

namespace tepui {

namespace {

constexpr std::size_t name_max = 255;  // NAME_MAX of Linux.
constexpr std::size_t shown_max = 64;

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

/// The id as an error may show it: short, and nothing that moves a terminal's cursor.
std::string shown(std::string_view id) {
    std::string text(id.substr(0, shown_max));
    std::replace_if(text.begin(), text.end(), is_control, '?');
    return id.size() > shown_max ? text + "..." : text;
}

}  // namespace

Result<void> validate_id(std::string_view kind, std::string_view id) {
    const auto refuse = [&](std::string_view why) {
        return fail(Errc::invalid_argument, "{} '{}': {}", kind, shown(id), why);
    };
    if (id.empty()) return refuse("must not be empty");
    if (id.size() > name_max) return refuse("must not be longer than 255 bytes");
    if (id == "." || id == "..") return refuse("must not be '.' or '..'");
    if (id.find_first_of("/\\") != std::string_view::npos)
        return refuse("must not contain '/' or '\\'");
    if (std::any_of(id.begin(), id.end(), is_control)) {
        return refuse("must not contain control characters");
    }
    return {};
}

}  // namespace tepui
