#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

/// Small text rules that the parts of this module share. Private to the module.
namespace tepui::http {

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (lower(a[i]) != lower(b[i])) return false;
    return true;
}

/// Without blanks and tabs at both ends.
constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Whether an Accept-Encoding value admits gzip: by name or by "*", and not with q=0.
bool accepts_gzip(std::string_view accept_encoding);

/// A request target in its decoded parts.
struct Target {
    std::string path;  // Begins with '/'; no NUL.
    std::vector<std::pair<std::string, std::string>> query;
};

/// Reads origin form ("/a?b=c"), absolute form ("http://host/a") and, for OPTIONS, "*".
Result<Target> parse_target(std::string_view method, std::string_view target);

/// `text` fit for one log line: control characters and what is beyond ASCII become '?', and at most
/// 200 bytes are kept.
std::string for_log(std::string_view text);

}  // namespace tepui::http
