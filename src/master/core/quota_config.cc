#include "master/core/quota_config.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

namespace tepui::master {

namespace {

using mesos::v1::Value;
using mesos::v1::quota::QuotaConfig;
using Amounts = google::protobuf::Map<std::string, Value::Scalar>;

// Sums of a thousand roles still fit in a Quantity.
constexpr double amount_max = 1e12;

Result<Quantity> parse_amount(const std::string& role, const std::string& name, double amount) {
    if (name.empty()) {
        return fail(Errc::invalid_argument, "The quota of role '{}' has an amount without a name",
                    role);
    }
    if (!std::isfinite(amount) || amount < 0 || amount > amount_max) {
        return fail(Errc::invalid_argument,
                    "The quota of role '{}' has {} {}, which is not a number from 0 to 10^12", role,
                    name, amount);
    }
    return Quantity::from_double(amount);
}

Result<void> check_role(const std::string& role) {
    if (const auto valid = validate_role(role); !valid) return fail_with("Quota", valid.error());
    if (role.find('/') == std::string::npos) return {};
    return fail(Errc::invalid_argument, "Only top-level roles have quota: role '{}' is below '{}'",
                role, top_level_role(role));
}

void write_amounts(const Quantities& quantities, Amounts& amounts) {
    for (const auto& [name, quantity] : quantities) {
        amounts[name].set_value(quantity.to_double());
    }
}

Result<void> check_plain_scalar(const std::string& role, const mesos::v1::Resource& resource) {
    const auto refuse = [&](std::string_view why) {
        return fail(Errc::invalid_argument, "The guarantee of {} for role '{}' {}", resource.name(),
                    role, why);
    };
    if (resource.type() != Value::SCALAR) return refuse("is not a scalar");
    if (resource.has_disk()) return refuse("names a disk");
    if (resource.has_revocable()) return refuse("is revocable");
    if (resource.has_shared()) return refuse("is shared");
    if (resource.has_provider_id()) return refuse("names a resource provider");
    if (resource.reservations_size() > 0) return refuse("is reserved");
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // The form of older clients.
    if (resource.has_reservation() || (resource.has_role() && resource.role() != "*")) {
        return refuse("is reserved");
    }
#pragma clang diagnostic pop
    return {};
}

}  // namespace

bool is_empty(const allocator::Quota& quota) {
    return quota.guarantees.empty() && quota.limits.empty();
}

std::string top_level_role(const std::string& role) { return role.substr(0, role.find('/')); }

Result<std::pair<std::string, allocator::Quota>> parse_quota_config(const QuotaConfig& config) {
    const std::string& role = config.role();
    TEPUI_CHECK_OK(check_role(role));
    allocator::Quota quota;
    for (const auto& [name, amount] : config.limits()) {
        quota.limits.emplace(name, TEPUI_TRY(parse_amount(role, name, amount.value())));
    }
    for (const auto& [name, amount] : config.guarantees()) {
        const Quantity guarantee = TEPUI_TRY(parse_amount(role, name, amount.value()));
        const auto limit = quota.limits.find(name);
        if (limit != quota.limits.end() && guarantee > limit->second) {
            return fail(Errc::invalid_argument,
                        "Role '{}' would be guaranteed {} {}, which is above its limit of {}", role,
                        to_string(guarantee), name, to_string(limit->second));
        }
        if (guarantee > Quantity{}) quota.guarantees.emplace(name, guarantee);
    }
    return std::pair{role, std::move(quota)};
}

Result<Quotas> parse_quota_configs(const std::vector<QuotaConfig>& configs) {
    Quotas quotas;
    for (const QuotaConfig& config : configs) {
        auto parsed = TEPUI_TRY(parse_quota_config(config));
        if (!quotas.insert(std::move(parsed)).second) {
            return fail(Errc::invalid_argument, "Role '{}' occurs more than once", config.role());
        }
    }
    return quotas;
}

Result<QuotaConfig> quota_config_of(const mesos::v1::quota::QuotaRequest& request) {
    const std::string& role = request.role();
    TEPUI_CHECK_OK(check_role(role));
    if (role == "*") {
        return fail(Errc::invalid_argument,
                    "Role '*' cannot be guaranteed anything in this call; UPDATE_QUOTA limits it");
    }
    if (request.guarantee().empty()) {
        return fail(Errc::invalid_argument, "A 'guarantee' for role '{}' is missing", role);
    }
    QuotaConfig config;
    config.set_role(role);
    for (const mesos::v1::Resource& resource : request.guarantee()) {
        TEPUI_CHECK_OK(check_plain_scalar(role, resource));
        if (config.guarantees().contains(resource.name())) {
            return fail(Errc::invalid_argument, "The guarantee for role '{}' has {} more than once",
                        role, resource.name());
        }
        (*config.mutable_guarantees())[resource.name()] = resource.scalar();
        (*config.mutable_limits())[resource.name()] = resource.scalar();
    }
    return config;
}

QuotaConfig to_quota_config(const std::string& role, const allocator::Quota& quota) {
    QuotaConfig config;
    config.set_role(role);
    write_amounts(quota.guarantees, *config.mutable_guarantees());
    write_amounts(quota.limits, *config.mutable_limits());
    return config;
}

mesos::v1::quota::QuotaStatus to_quota_status(const Quotas& quotas) {
    mesos::v1::quota::QuotaStatus status;
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // Mesos sends both forms.
    for (const auto& [role, quota] : quotas) {
        auto& info = *status.add_infos();
        info.set_role(role);
        for (const auto& [name, quantity] : quota.guarantees) {
            mesos::v1::Resource& resource = *info.add_guarantee();
            resource.set_name(name);
            resource.set_type(Value::SCALAR);
            resource.mutable_scalar()->set_value(quantity.to_double());
        }
        *status.add_configs() = to_quota_config(role, quota);
    }
#pragma clang diagnostic pop
    return status;
}

std::string to_text(const Quantities& quantities) {
    std::string text;
    for (const auto& [name, quantity] : quantities) {
        if (!text.empty()) text += ", ";
        text += fmt::format("{}:{}", name, to_string(quantity));
    }
    return text.empty() ? "nothing" : text;
}

}  // namespace tepui::master
