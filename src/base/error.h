#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tepui {

/// What kind of failure an Error is. The edges translate it: HTTP status, exit code, task state.
enum class Errc : std::uint8_t {
    invalid_argument,  // The input can never be accepted as it is (HTTP 400, exit 2).
    unauthenticated,   // Who asks is not known (HTTP 401).
    denied,            // Who asks is known and may not (HTTP 403, exit 5).
    not_found,         // The named object does not exist (HTTP 404, exit 3).
    conflict,          // The object's state forbids it (HTTP 409).
    too_large,         // A size or depth limit was exceeded (HTTP 413).
    unsupported,       // A thing this build or machine cannot do (HTTP 501).
    not_leader,        // Another master leads (HTTP 307 or 503).
    unavailable,       // It may work later (HTTP 503).
    timeout,           // A deadline passed (HTTP 504, exit 4).
    cancelled,         // The caller or a shutdown ended it.
    io,                // The operating system or a peer failed.
    corrupt,           // Stored bytes are not what was written.
    internal,          // A defect of ours that was caught.
};

/// The snake_case name of `code`, for logs and JSON.
std::string_view to_string(Errc code);

/// An expected failure. `text` names the object and the way out; it is shown to people as it is.
struct Error {
    Errc code = Errc::internal;
    std::string text;

    bool operator==(const Error&) const = default;
};

}  // namespace tepui
