#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::agent {

/// Where an HTTP probe asks next.
struct ProbeUrl {
    bool tls = false;
    std::string host;  // A name or an address; of IPv6 without brackets.
    std::uint16_t port = 80;
    std::string target = "/";  // Path and query.
    bool operator==(const ProbeUrl&) const = default;
};

/// Whether it can stand in the first line of a request: no spaces, no control characters.
bool is_clean_target(std::string_view text);

/// As a Host field has it: the port only where it is not the scheme's own.
std::string host_field(const ProbeUrl& url);

/// Where a redirect from `from` leads: absolute, "//host/x", "/x" or relative to the last directory
/// of its path; a fragment is dropped. Fails with invalid_argument on other schemes than http and
/// https, and on what is no location.
Result<ProbeUrl> follow_redirect(const ProbeUrl& from, std::string_view location);

}  // namespace tepui::agent
