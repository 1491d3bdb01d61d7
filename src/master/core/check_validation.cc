#include "master/core/check_validation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "master/core/task_validation.h"

namespace tepui::master {
namespace {

using mesos::v1::CheckInfo;
using mesos::v1::HealthCheck;

constexpr std::uint32_t port_max = 65535;

template <typename... Args>
std::unexpected<Error> invalid(fmt::format_string<Args...> format, Args&&... args) {
    return fail(Errc::invalid_argument, format, std::forward<Args>(args)...);
}

Result<void> validate_seconds(std::string_view what, double value) {
    if (std::isnan(value) || value < 0) return invalid("Expecting '{}' to be non-negative", what);
    return {};
}

/// HealthCheck and CheckInfo have these alike.
template <typename Message>
Result<void> validate_pace(const Message& check) {
    TEPUI_CHECK_OK(validate_seconds("delay_seconds", check.delay_seconds()));
    TEPUI_CHECK_OK(validate_seconds("interval_seconds", check.interval_seconds()));
    return validate_seconds("timeout_seconds", check.timeout_seconds());
}

Result<void> validate_port(std::string_view what, std::uint32_t port) {
    if (port == 0 || port > port_max) {
        return invalid("The port {} of {} must be between 1 and {}", port, what, port_max);
    }
    return {};
}

/// The path goes into the first line of a request as it is.
Result<void> validate_path(std::string_view what, const std::string& path) {
    if (!path.starts_with('/')) {
        return invalid("The path '{}' of {} must start with '/'", path, what);
    }
    const bool clean = std::all_of(path.begin(), path.end(), [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != 0x7f;
    });
    if (clean) return {};
    return invalid("The path of {} has spaces or control characters; write them as %XX", what);
}

template <typename Http>
Result<void> validate_http(std::string_view what, const Http& http) {
    TEPUI_CHECK_OK(validate_port(what, http.port()));
    if (http.has_path()) TEPUI_CHECK_OK(validate_path(what, http.path()));
    return {};
}

/// Checks without a type are older than types.
HealthCheck::Type type_of(const HealthCheck& check) {
    if (check.has_type()) return check.type();
    if (check.has_command()) return HealthCheck::COMMAND;
    if (check.has_http()) return HealthCheck::HTTP;
    return check.has_tcp() ? HealthCheck::TCP : HealthCheck::UNKNOWN;
}

}  // namespace

Result<void> validate_health_check(const HealthCheck& check) {
    switch (type_of(check)) {
        case HealthCheck::COMMAND:
            if (!check.has_command())
                return invalid("Expecting 'command' to be set for COMMAND health check");
            TEPUI_CHECK_OK(validate_command(check.command(), false));
            break;
        case HealthCheck::HTTP: {
            if (!check.has_http())
                return invalid("Expecting 'http' to be set for HTTP health check");
            const auto& http = check.http();
            if (http.has_scheme() && http.scheme() != "http" && http.scheme() != "https") {
                return invalid("The scheme '{}' of HTTP health check must be 'http' or 'https'",
                               http.scheme());
            }
            TEPUI_CHECK_OK(validate_http("HTTP health check", http));
            break;
        }
        case HealthCheck::TCP:
            if (!check.has_tcp()) return invalid("Expecting 'tcp' to be set for TCP health check");
            TEPUI_CHECK_OK(validate_port("TCP health check", check.tcp().port()));
            break;
        default: return invalid("HealthCheck must specify 'type'");
    }
    TEPUI_CHECK_OK(validate_pace(check));
    return validate_seconds("grace_period_seconds", check.grace_period_seconds());
}

Result<void> validate_check(const CheckInfo& check) {
    switch (check.type()) {
        case CheckInfo::COMMAND:
            if (!check.has_command())
                return invalid("Expecting 'command' to be set for COMMAND check");
            TEPUI_CHECK_OK(validate_command(check.command().command(), false));
            break;
        case CheckInfo::HTTP:
            if (!check.has_http()) return invalid("Expecting 'http' to be set for HTTP check");
            TEPUI_CHECK_OK(validate_http("HTTP check", check.http()));
            break;
        case CheckInfo::TCP:
            if (!check.has_tcp()) return invalid("Expecting 'tcp' to be set for TCP check");
            TEPUI_CHECK_OK(validate_port("TCP check", check.tcp().port()));
            break;
        default: return invalid("CheckInfo must specify 'type'");
    }
    return validate_pace(check);
}

}  // namespace tepui::master
