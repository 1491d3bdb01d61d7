#include "http/text.h"

#include <charconv>

#include "http/client.h"
#include "http/message.h"

namespace tepui::http {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
    return -1;
}

bool is_unreserved(char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/// Whether the parameters after a coding's name give it the weight zero ("q=0", "q=0.000").
bool has_zero_weight(std::string_view parameters) {
    while (!parameters.empty()) {
        const auto end = parameters.find(';');
        const std::string_view one = trim(parameters.substr(0, end));
        parameters = end == std::string_view::npos ? "" : parameters.substr(end + 1);
        if (one.size() < 3 || lower(one[0]) != 'q' || one[1] != '=') continue;
        return trim(one.substr(2)).find_first_not_of("0.") == std::string_view::npos;
    }
    return false;
}

/// What follows scheme and authority in "http://host:1/a?b", or nothing when it has neither.
std::optional<std::string_view> after_authority(std::string_view target) {
    const auto scheme = target.find("://");
    if (scheme == std::string_view::npos) return std::nullopt;
    const std::string_view name = target.substr(0, scheme);
    if (!equals_ignoring_case(name, "http") && !equals_ignoring_case(name, "https"))
        return std::nullopt;
    const std::string_view rest = target.substr(scheme + 3);
    const auto path = rest.find_first_of("/?");
    if (path == 0 || rest.empty()) return std::nullopt;
    return path == std::string_view::npos ? std::string_view{} : rest.substr(path);
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
    bool any = false;
    while (!accept_encoding.empty()) {
        const auto end = accept_encoding.find(',');
        const std::string_view one = accept_encoding.substr(0, end);
        accept_encoding =
            end == std::string_view::npos ? std::string_view{} : accept_encoding.substr(end + 1);
        const auto parameters = one.find(';');
        const std::string_view coding = trim(one.substr(0, parameters));
        const bool refused =
            parameters != std::string_view::npos && has_zero_weight(one.substr(parameters + 1));
        if (equals_ignoring_case(coding, "gzip") || equals_ignoring_case(coding, "x-gzip"))
            return !refused;
        if (coding == "*") any = !refused;
    }
    return any;
}

Result<Target> parse_target(std::string_view method, std::string_view target) {
    if (target.empty()) return fail(Errc::invalid_argument, "the request has no target");
    if (target == "*") {
        if (method != "OPTIONS")
            return fail(Errc::invalid_argument, "the target '*' is for OPTIONS only");
        return Target{"/", {}};
    }
    if (target.front() != '/') {
        const auto rest = after_authority(target);
        if (!rest)
            return fail(Errc::invalid_argument, "the request target does not begin with '/'");
        target = *rest;
    }
    if (target.find('#') != std::string_view::npos)
        return fail(Errc::invalid_argument, "the request target has a fragment");
    const auto mark = target.find('?');
    Target parts;
    parts.path = TEPUI_TRY(percent_decode(target.substr(0, mark)));
    if (parts.path.empty()) parts.path = "/";
    if (mark != std::string_view::npos)
        parts.query = TEPUI_TRY(parse_query(target.substr(mark + 1)));
    return parts;
}

std::string for_log(std::string_view text) {
    std::string line(text.substr(0, 200));
    for (char& c : line)
        if (c < 0x20 || c > 0x7e) c = '?';
    return line;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return fail(Errc::invalid_argument, "a '%' is not followed by two hex digits");
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') return fail(Errc::invalid_argument, "the text has a NUL");
        decoded.push_back(c);
    }
    return decoded;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded.push_back(c);
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded.push_back('%');
        encoded.push_back(digits[byte >> 4]);
        encoded.push_back(digits[byte & 15]);
    }
    return encoded;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!text.empty()) {
        const auto end = text.find('&');
        const std::string_view one = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (one.empty()) continue;
        const auto equals = one.find('=');
        std::string name = TEPUI_TRY(percent_decode(one.substr(0, equals), true));
        std::string value;
        if (equals != std::string_view::npos)
            value = TEPUI_TRY(percent_decode(one.substr(equals + 1), true));
        pairs.emplace_back(std::move(name), std::move(value));
    }
    return pairs;
}

Result<Url> parse_url(std::string_view text) {
    Url url;
    std::string_view rest = text;
    if (const auto scheme = rest.find("://");
        scheme != std::string_view::npos && rest.find_first_of("/?") > scheme) {
        url.scheme = std::string(rest.substr(0, scheme));
        for (char& c : url.scheme) c = lower(c);
        rest.remove_prefix(scheme + 3);
    } else if (rest.starts_with("//")) {
        rest.remove_prefix(2);
    }
    if (url.scheme != "http" && url.scheme != "https")
        return fail(Errc::invalid_argument, "'{}': the scheme is neither http nor https", text);
    if (url.scheme == "https") url.port = 443;
    const auto path = rest.find_first_of("/?#");
    std::string_view authority = rest.substr(0, path);
    if (path != std::string_view::npos) {
        const std::string_view target = rest.substr(path, rest.find('#') - path);
        url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
    }
    if (const auto user = authority.rfind('@'); user != std::string_view::npos)
        authority.remove_prefix(user + 1);
    // A colon inside of brackets belongs to an IPv6 address.
    const auto bracket = authority.rfind(']');
    const auto colon = authority.rfind(':');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        const std::string_view digits = authority.substr(colon + 1);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
        if (error != std::errc{} || end != digits.data() + digits.size() || url.port == 0)
            return fail(Errc::invalid_argument, "'{}': '{}' is not a port", text, digits);
        authority = authority.substr(0, colon);
    }
    if (authority.starts_with('[') && authority.ends_with(']'))
        authority = authority.substr(1, authority.size() - 2);
    if (authority.empty()) return fail(Errc::invalid_argument, "'{}' has no host", text);
    for (const char c : std::string(authority) + url.target)
        if (c <= 0x20 || c == 0x7f)
            return fail(Errc::invalid_argument, "'{}' has a blank or a control character",
                        for_log(text));
    url.host = std::string(authority);
    return url;
}

std::string to_string(const Url& url) {
    const bool is_v6 = url.host.find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}{}", url.scheme, is_v6 ? "[" : "", url.host, is_v6 ? "]" : "",
                       url.port, url.target);
}

}  // namespace tepui::http
