#include "containerizer/fetcher/retry.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>

namespace tepui::containerizer::fetcher {
namespace {

constexpr Duration k_first_wait = 500ms;
constexpr Duration k_wait_max = 30s;

bool is_transient_status(Source source, long status) {
    if (source == Source::ftp) return status >= 400 && status < 500;
    if (status == 408 || status == 425 || status == 429) return true;
    return status >= 500 && status != 501 && status != 505;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

}  // namespace

bool is_transient(Source source, int code, long status) {
    switch (code) {
        case CURLE_OK: return is_transient_status(source, status);
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_PARTIAL_FILE:
        case CURLE_GOT_NOTHING:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
        case CURLE_FTP_ACCEPT_TIMEOUT: return true;
        default: return source == Source::ftp && is_transient_status(source, status);
    }
}

Duration back_off(int attempt, std::optional<Duration> retry_after, double jitter) {
    if (retry_after) return std::min(*retry_after, k_wait_max);
    const int doublings = std::clamp(attempt - 1, 0, 10);
    const Duration wait = std::min(k_first_wait * (1 << doublings), k_wait_max);
    return wait - duration_from_seconds(seconds(wait) * std::clamp(jitter, 0.0, 1.0) / 4);
}

std::optional<Duration> parse_retry_after(std::string_view text) {
    const std::optional<std::uint64_t> number = parse_number(text);
    if (!number) return std::nullopt;
    return duration_from_seconds(static_cast<double>(*number));
}

bool is_strong_etag(std::string_view etag) { return etag.size() > 2 && etag.front() == '"'; }

std::optional<std::uint64_t> content_range_begin(std::string_view text) {
    constexpr std::string_view unit = "bytes ";
    if (!text.starts_with(unit)) return std::nullopt;
    text.remove_prefix(unit.size());
    return parse_number(text.substr(0, text.find('-')));
}

bool is_status_line(std::string_view line) { return line.starts_with("HTTP/"); }

std::optional<std::string> header_value(std::string_view line, std::string_view name) {
    if (line.size() <= name.size() || line[name.size()] != ':') return std::nullopt;
    const auto same = [](char ours, char theirs) {
        return ours == (theirs >= 'A' && theirs <= 'Z' ? static_cast<char>(theirs + 32) : theirs);
    };
    if (!std::equal(name.begin(), name.end(), line.begin(), same)) return std::nullopt;
    return std::string(trim(line.substr(name.size() + 1)));
}

}  // namespace tepui::containerizer::fetcher
