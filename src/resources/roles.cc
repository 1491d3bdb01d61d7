#include <algorithm>

#include "resources/resources.h"

namespace tepui {

namespace {

bool is_blank_or_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f;
}

Result<void> validate_component(std::string_view role, std::string_view component) {
    const auto refuse = [&](std::string_view why) {
        return fail(Errc::invalid_argument, "role '{}': {}", role, why);
    };
    if (component.empty()) return refuse("must not begin or end with '/' or contain '//'");
    if (component == "." || component == "..")
        return refuse("must not contain '.' or '..' as a part");
    if (component == "*") return refuse("'*' is only allowed alone");
    if (component.front() == '-') return refuse("no part may begin with '-'");
    if (std::any_of(component.begin(), component.end(), is_blank_or_control)) {
        return refuse("must not contain blanks or control characters");
    }
    return {};
}

}  // namespace

Result<void> validate_role(std::string_view role) {
    if (role == "*") return {};
    if (role.empty()) return fail(Errc::invalid_argument, "a role must not be empty");
    // Ours: trees of roles are walked recursively, so a peer must not choose the depth.
    constexpr std::size_t role_max = 1024;
    if (role.size() > role_max) {
        return fail(Errc::invalid_argument, "role '{}...': must not be longer than {} bytes",
                    role.substr(0, 64), role_max);
    }
    std::string_view rest = role;
    for (;;) {
        const auto slash = rest.find('/');
        TEPUI_CHECK_OK(validate_component(role, rest.substr(0, slash)));
        if (slash == std::string_view::npos) return {};
        rest.remove_prefix(slash + 1);
    }
}

bool role_is_within(std::string_view role, std::string_view ancestor) {
    if (!role.starts_with(ancestor)) return false;
    return role.size() == ancestor.size() || role[ancestor.size()] == '/';
}

}  // namespace tepui
