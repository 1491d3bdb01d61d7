#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace tepui::containerizer::images {

/// One way to authenticate, of a WWW-Authenticate header.
struct Challenge {
    std::string scheme;                             // In lower case: "bearer", "basic".
    std::map<std::string, std::string> parameters;  // Names in lower case.
    bool operator==(const Challenge&) const = default;
};

/// Reads a WWW-Authenticate header, which may have several. What cannot be read is left out.
std::vector<Challenge> parse_challenges(std::string_view header);

/// Whether another attempt may help: timeouts, too many requests, failures of the server.
bool is_worth_retrying(long status);

/// How long to wait before attempt `attempt` + 1 (the first is 1): doubling from `least`, up to
/// `most`; `retry_after` (what the header asked for) counts when it is longer, up to `most`.
Duration pause_before_retry(unsigned attempt, std::optional<Duration> retry_after, Duration least,
                            Duration most);

/// A Retry-After header: seconds, or a date, compared with `now`.
std::optional<Duration> parse_retry_after(std::string_view header,
                                          std::chrono::system_clock::time_point now);

}  // namespace tepui::containerizer::images
