#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "containerizer/fetcher/plan.h"

namespace tepui::containerizer::fetcher {

inline constexpr int k_attempts_max = 5;

/// Whether a transfer that ended with libcurl's `code` and the server's `status` may succeed when
/// it is tried again: connections that failed or broke, 408, 425, 429 and 5xx of HTTP, 4xx of FTP.
/// Not one that stalled: that has taken its time.
bool is_transient(Source source, int code, long status);

/// How long to wait before attempt `attempt` (from 1): what the server asked for, else half a
/// second that doubles; both at most 30 s. `jitter` from 0 to 1 takes up to a quarter off.
Duration back_off(int attempt, std::optional<Duration> retry_after, double jitter);

/// Retry-After in seconds; a date or anything else is nothing.
std::optional<Duration> parse_retry_after(std::string_view text);

/// Whether a partial answer with this ETag may be gone on with: weak ones promise too little.
bool is_strong_etag(std::string_view etag);

/// Where the bytes of a 206 answer begin; nothing when Content-Range cannot be read.
std::optional<std::uint64_t> content_range_begin(std::string_view text);

/// The first line of an HTTP answer's header begins anew: "HTTP/1.1 200 OK".
bool is_status_line(std::string_view line);
/// The value of header `name` (lower case) when `line` is that header.
std::optional<std::string> header_value(std::string_view line, std::string_view name);

}  // namespace tepui::containerizer::fetcher
