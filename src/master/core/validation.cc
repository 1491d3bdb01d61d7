#include "master/core/validation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "master/core/offer_wishes.h"
#include "resources/id_validation.h"
#include "resources/resources.h"

namespace tepui::master {

namespace {

// The single `role` is deprecated in Mesos' protocol, and clients without MULTI_ROLE have no other.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
bool has_single_role(const mesos::v1::FrameworkInfo& info) { return info.has_role(); }
std::string single_role(const mesos::v1::FrameworkInfo& info) { return info.role(); }
#pragma clang diagnostic pop

using Call = mesos::v1::scheduler::Call;
using Capability = mesos::v1::FrameworkInfo::Capability;

constexpr std::size_t uuid_bytes = 16;
constexpr std::string_view call_prefix = "Failed to validate scheduler::Call: ";

std::unexpected<Error> refuse(std::string_view text) {
    return fail(Errc::invalid_argument, "{}{}", call_prefix, text);
}

Result<void> expect(bool present, std::string_view field) {
    if (present) return {};
    return refuse(fmt::format("Expecting '{}' to be present", field));
}

Result<void> expect_uuid(const std::string& uuid) {
    if (uuid.size() == uuid_bytes) return {};
    return refuse(fmt::format("Not a valid UUID: {} bytes instead of 16", uuid.size()));
}

Result<void> validate_subscribe(const Call& call, const std::optional<std::string>& principal) {
    TEPUI_CHECK_OK(expect(call.has_subscribe(), "subscribe"));
    const mesos::v1::FrameworkInfo& info = call.subscribe().framework_info();
    if (call.framework_id().value() != info.id().value()) {
        return refuse("'framework_id' differs from 'subscribe.framework_info.id'");
    }
    if (principal && info.has_principal() && info.principal() != *principal) {
        return refuse(
            fmt::format("Authenticated principal '{}' does not match principal '{}' "
                        "set in FrameworkInfo",
                        *principal, info.principal()));
    }
    return {};
}

// Of the calls whose sub-message may not be left out.
Result<void> validate_payload(const Call& call) {
    switch (call.type()) {
        case Call::ACCEPT: return expect(call.has_accept(), "accept");
        case Call::DECLINE: return expect(call.has_decline(), "decline");
        case Call::ACCEPT_INVERSE_OFFERS:
            return expect(call.has_accept_inverse_offers(), "accept_inverse_offers");
        case Call::DECLINE_INVERSE_OFFERS:
            return expect(call.has_decline_inverse_offers(), "decline_inverse_offers");
        case Call::KILL: return expect(call.has_kill(), "kill");
        case Call::SHUTDOWN: return expect(call.has_shutdown(), "shutdown");
        case Call::ACKNOWLEDGE:
            TEPUI_CHECK_OK(expect(call.has_acknowledge(), "acknowledge"));
            return expect_uuid(call.acknowledge().uuid());
        case Call::ACKNOWLEDGE_OPERATION_STATUS:
            TEPUI_CHECK_OK(
                expect(call.has_acknowledge_operation_status(), "acknowledge_operation_status"));
            TEPUI_CHECK_OK(expect_uuid(call.acknowledge_operation_status().uuid()));
            return expect(call.acknowledge_operation_status().has_agent_id(), "agent_id");
        case Call::RECONCILE: return expect(call.has_reconcile(), "reconcile");
        case Call::RECONCILE_OPERATIONS:
            return expect(call.has_reconcile_operations(), "reconcile_operations");
        case Call::MESSAGE: return expect(call.has_message(), "message");
        case Call::REQUEST: return expect(call.has_request(), "request");
        case Call::UPDATE_FRAMEWORK:
            TEPUI_CHECK_OK(expect(call.has_update_framework(), "update_framework"));
            if (call.framework_id().value() !=
                call.update_framework().framework_info().id().value()) {
                return refuse("'framework_id' differs from 'update_framework.framework_info.id'");
            }
            return {};
        default: return {};  // TEARDOWN, REVIVE and SUPPRESS need none.
    }
}

Result<void> validate_roles(const mesos::v1::FrameworkInfo& info) {
    const bool multi_role = has_capability(info, Capability::MULTI_ROLE);
    if (!multi_role && info.roles_size() > 0) {
        return fail(Errc::invalid_argument,
                    "'FrameworkInfo.roles' must not be set without the MULTI_ROLE capability");
    }
    if (multi_role && has_single_role(info)) {
        return fail(Errc::invalid_argument,
                    "'FrameworkInfo.role' must not be set with the MULTI_ROLE capability");
    }
    std::set<std::string> seen;
    for (const std::string& role : info.roles()) {
        if (!seen.insert(role).second) {
            return fail(Errc::invalid_argument, "'FrameworkInfo.roles' names '{}' twice", role);
        }
    }
    for (const std::string& role : framework_roles(info)) {
        if (auto valid = validate_role(role); !valid) {
            return fail_with(fmt::format("Role '{}' is invalid", role), valid.error());
        }
    }
    return {};
}

Result<void> validate_failover_timeout(double timeout_seconds) {
    constexpr double seconds_max =
        static_cast<double>(std::numeric_limits<std::int64_t>::max()) / 1e9;
    if (std::isnan(timeout_seconds) || std::abs(timeout_seconds) >= seconds_max) {
        return fail(Errc::invalid_argument,
                    "The framework failover_timeout ({}) is not a valid duration", timeout_seconds);
    }
    return {};
}

}  // namespace

bool has_capability(const mesos::v1::FrameworkInfo& info, Capability::Type type) {
    return std::ranges::any_of(info.capabilities(),
                               [type](const auto& c) { return c.type() == type; });
}

std::set<std::string> framework_roles(const mesos::v1::FrameworkInfo& info) {
    if (!has_capability(info, Capability::MULTI_ROLE)) return {single_role(info)};
    return {info.roles().begin(), info.roles().end()};
}

Result<void> validate_call(const Call& call, const std::optional<std::string>& principal) {
    TEPUI_CHECK_OK(expect(call.has_type() && call.type() != Call::UNKNOWN, "type"));
    if (call.type() == Call::SUBSCRIBE) return validate_subscribe(call, principal);
    TEPUI_CHECK_OK(expect(call.has_framework_id(), "framework_id"));
    return validate_payload(call);
}

Result<void> validate_framework(const Call::Subscribe& subscribe, const FrameworkRules& rules) {
    const mesos::v1::FrameworkInfo& info = subscribe.framework_info();
    TEPUI_CHECK_OK(validate_roles(info));
    if (info.has_id() && !info.id().value().empty()) {
        TEPUI_CHECK_OK(validate_id("framework id", info.id().value()));
    }
    TEPUI_CHECK_OK(validate_failover_timeout(info.failover_timeout()));
    if (!rules.root_submissions && info.user() == "root") {
        return fail(Errc::invalid_argument, "User 'root' is not allowed to run frameworks");
    }
    const std::set<std::string> roles = framework_roles(info);
    for (const std::string& role : roles) {
        if (rules.roles && !rules.roles->contains(role)) {
            return fail(Errc::invalid_argument, "Role '{}' is not among the master's --roles",
                        role);
        }
    }
    TEPUI_CHECK_OK(parse_offer_filters(info));
    TEPUI_CHECK_OK(parse_offer_constraints(info, subscribe.offer_constraints(), rules.regex));
    for (const std::string& role : subscribe.suppressed_roles()) {
        if (!roles.contains(role)) {
            return fail(Errc::invalid_argument,
                        "Suppressed role '{}' is not among the framework's roles", role);
        }
    }
    return {};
}

Result<void> validate_agent_version(const std::string& version) {
    unsigned major = 0;
    const char* const end = version.data() + version.size();
    const auto [stop, error] = std::from_chars(version.data(), end, major);
    if (error != std::errc{} || stop == end || *stop != '.') {
        return fail(Errc::invalid_argument, "The agent's version '{}' is not one such as 1.12.0",
                    version);
    }
    if (major < 1) {
        return fail(Errc::invalid_argument,
                    "The agent has version {}; the least that this master works with is 1.0.0, so "
                    "upgrade the agent",
                    version);
    }
    return {};
}

}  // namespace tepui::master
