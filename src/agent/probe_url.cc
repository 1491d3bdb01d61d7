#include "agent/probe_url.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace tepui::agent {
namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

bool starts_with_scheme(std::string_view text, std::string_view scheme) {
    return text.size() >= scheme.size() &&
           std::equal(scheme.begin(), scheme.end(), text.begin(), [](char a, char b) {
               return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
}

/// "host", "host:port", "[v6]:port"; credentials before an '@' are dropped.
Result<void> read_authority(std::string_view text, ProbeUrl& url) {
    if (const auto at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
    std::string_view port;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) {
            return fail(Errc::invalid_argument, "'{}' is no host", text);
        }
        url.host = text.substr(1, end - 1);
        port = text.substr(end + 1);
    } else {
        const auto colon = std::min(text.find(':'), text.size());
        url.host = text.substr(0, colon);
        port = text.substr(colon);
    }
    if (url.host.empty()) return fail(Errc::invalid_argument, "a redirect without a host");
    url.port = url.tls ? https_port : http_port;
    if (port.size() <= 1) return {};
    const auto [end, error] = std::from_chars(port.data() + 1, port.data() + port.size(), url.port);
    if (port.front() != ':' || error != std::errc{} || end != port.data() + port.size()) {
        return fail(Errc::invalid_argument, "'{}' is no port", port);
    }
    return {};
}

/// "/a/b?x" of "/a/c" and "b?x".
std::string resolve(std::string_view base, std::string_view relative) {
    std::string_view path = base.substr(0, base.find('?'));
    if (relative.starts_with('?')) return std::string(path) + std::string(relative);
    path = path.substr(0, path.rfind('/') + 1);
    return std::string(path.empty() ? "/" : path) + std::string(relative);
}

}  // namespace

bool is_clean_target(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; });
}

std::string host_field(const ProbeUrl& url) {
    const bool is_v6 = url.host.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + url.host + "]" : url.host;
    return url.port == (url.tls ? https_port : http_port) ? host
                                                          : fmt::format("{}:{}", host, url.port);
}

Result<ProbeUrl> follow_redirect(const ProbeUrl& from, std::string_view location) {
    location = location.substr(0, location.find('#'));
    if (!is_clean_target(location))
        return fail(Errc::invalid_argument, "a redirect with spaces or controls in it");
    ProbeUrl url = from;
    if (starts_with_scheme(location, "http://")) {
        url.tls = false;
        location.remove_prefix(5);
    } else if (starts_with_scheme(location, "https://")) {
        url.tls = true;
        location.remove_prefix(6);
    } else if (const auto colon = location.find(':');
               colon != std::string_view::npos && colon < location.find_first_of("/?")) {
        return fail(Errc::invalid_argument, "'{}' is neither http nor https", location);
    }
    if (location.starts_with("//")) {
        location.remove_prefix(2);
        const auto end = std::min(location.find_first_of("/?"), location.size());
        TEPUI_CHECK_OK(read_authority(location.substr(0, end), url));
        location.remove_prefix(end);
        url.target = location.starts_with('/') ? "" : "/";
        url.target += location;
    } else if (location.starts_with('/')) {
        url.target = location;
    } else if (!location.empty()) {
        url.target = resolve(from.target, location);
    }
    return url;
}

}  // namespace tepui::agent
