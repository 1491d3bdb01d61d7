#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "cli/view/sharing.h"
#include "cli/view/text.h"
#include "resources/entry.h"

namespace tepui::cli {

namespace {

using Response = mesos::v1::master::Response;
using QuotaConfig = mesos::v1::quota::QuotaConfig;

void write_amounts(const Quantities& amounts, ScalarMap& scalars) {
    for (const auto& [name, value] : amounts) scalars[name].set_value(value.to_double());
}

const QuotaConfig* find_quota(const Response& quotas, const std::string& role) {
    for (const QuotaConfig& config : quotas.get_quota().status().configs()) {
        if (config.role() == role && has_quota(config)) return &config;
    }
    return nullptr;
}

Quantities capacity_of(const Response& agents) {
    Quantities capacity;
    for (const auto& agent : agents.get_agents().agents()) {
        for (const auto& resource : agent.total_resources()) {
            if (resource.type() != mesos::v1::Value::SCALAR || resource.has_revocable()) continue;
            capacity[resource.name()] += Quantity::from_double(resource.scalar().value());
        }
    }
    return capacity;
}

// What others are guaranteed already and `wanted`, beside what there is.
void warn_of_overcommitment(const Response& quotas, const Response& agents, const QuotaWish& wish,
                            const Quantities& wanted, Change& change) {
    Quantities guaranteed = wanted;
    for (const QuotaConfig& config : quotas.get_quota().status().configs()) {
        if (config.role() == wish.role) continue;
        for (const auto& [name, value] : amounts_of(config.guarantees())) guaranteed[name] += value;
    }
    const Quantities capacity = capacity_of(agents);
    for (const auto& [name, value] : guaranteed) {
        const auto there = capacity.find(name);
        const Quantity have = there == capacity.end() ? Quantity{} : there->second;
        if (value <= have) continue;
        change.warnings.push_back(
            fmt::format("guarantees of all roles will be {} {}, the cluster has {}", name,
                        amount_text(name, value.to_double()), amount_text(name, have.to_double())));
    }
}

}  // namespace

bool has_quota(const QuotaConfig& config) {
    return !amounts_of(config.guarantees()).empty() || !config.limits().empty();
}

Result<Quantities> parse_amounts(const std::string& text) {
    if (text.empty()) return Quantities{};
    const Resources resources = TEPUI_TRY(Resources::parse_flag(text));
    for (const Resources::Entry& entry : resources.entries()) {
        if (!entry.is_scalar() || entry.is_reserved()) {
            return fail(Errc::invalid_argument,
                        "'{}' is no plain amount; amounts are written cpus:4;mem:1024", entry.name);
        }
    }
    return resources.scalars();
}

Quantities amounts_of(const ScalarMap& scalars) {
    Quantities amounts;
    for (const auto& [name, scalar] : scalars) {
        const Quantity value = Quantity::from_double(scalar.value());
        if (value.milli != 0) amounts[name] = value;
    }
    return amounts;
}

std::string amounts_text(const Quantities& amounts) {
    std::string text;
    for (const auto& [name, value] : amounts) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name,
                            amount_text(name, value.to_double()));
    }
    return text.empty() ? "none" : text;
}

Result<Change> plan_weights(const Response& weights, const std::vector<std::string>& words) {
    std::map<std::string, double> now;
    for (const auto& info : weights.get_weights().weight_infos()) now[info.role()] = info.weight();
    Change change;
    change.call.set_type(mesos::v1::master::Call::UPDATE_WEIGHTS);
    for (const std::string& word : words) {
        const std::size_t equals = word.rfind('=');
        if (equals == std::string::npos || equals == 0) {
            return fail(Errc::invalid_argument, "'{}' is not ROLE=WEIGHT", word);
        }
        const std::string role = word.substr(0, equals);
        const std::string number = word.substr(equals + 1);
        char* end = nullptr;
        const double weight = std::strtod(number.c_str(), &end);
        if (number.empty() || *end != '\0' || !std::isfinite(weight) || weight <= 0) {
            return fail(Errc::invalid_argument,
                        "the weight '{}' of role {} is not a number above 0", number, role);
        }
        auto& info = *change.call.mutable_update_weights()->add_weight_infos();
        info.set_role(role);
        info.set_weight(weight);
        const auto known = now.find(role);
        const double before = known == now.end() ? 1 : known->second;
        change.lines.push_back(
            fmt::format("{}: weight {} -> {}", role, number_text(before), number_text(weight)));
    }
    change.warnings.emplace_back("offers of all roles are rescinded and made anew");
    return change;
}

Result<Change> plan_quota(const Response& quotas, const Response& agents, const QuotaWish& wish) {
    const QuotaConfig* before = find_quota(quotas, wish.role);
    const Quantities old_guarantee =
        before == nullptr ? Quantities{} : amounts_of(before->guarantees());
    const Quantities old_limit = before == nullptr ? Quantities{} : amounts_of(before->limits());
    const Quantities guarantee = wish.guarantee.value_or(old_guarantee);
    const Quantities limit = wish.limit.value_or(old_limit);
    for (const auto& [name, value] : guarantee) {
        const auto most = limit.find(name);
        if (most == limit.end() || value <= most->second) continue;
        return fail(
            Errc::invalid_argument,
            "the guarantee of {} {} is more than its limit of {}; give a higher --limit too", name,
            amount_text(name, value.to_double()), amount_text(name, most->second.to_double()));
    }
    Change change;
    change.call.set_type(mesos::v1::master::Call::UPDATE_QUOTA);
    auto& update = *change.call.mutable_update_quota();
    if (wish.force) update.set_force(true);
    auto& config = *update.add_quota_configs();
    config.set_role(wish.role);
    write_amounts(guarantee, *config.mutable_guarantees());
    write_amounts(limit, *config.mutable_limits());
    change.lines.push_back(fmt::format("{}: guarantee {} -> {}", wish.role,
                                       amounts_text(old_guarantee), amounts_text(guarantee)));
    change.lines.push_back(
        fmt::format("{}: limit {} -> {}", wish.role, amounts_text(old_limit), amounts_text(limit)));
    warn_of_overcommitment(quotas, agents, wish, guarantee, change);
    return change;
}

Result<Change> plan_quota_removal(const Response& quotas, const std::vector<std::string>& roles) {
    Change change;
    change.call.set_type(mesos::v1::master::Call::UPDATE_QUOTA);
    for (const std::string& role : roles) {
        const QuotaConfig* before = find_quota(quotas, role);
        if (before == nullptr) return fail(Errc::not_found, "role '{}' has no quota", role);
        change.call.mutable_update_quota()->add_quota_configs()->set_role(role);
        change.lines.push_back(fmt::format("{}: guarantee {} -> none", role,
                                           amounts_text(amounts_of(before->guarantees()))));
        change.lines.push_back(
            fmt::format("{}: limit {} -> none", role, amounts_text(amounts_of(before->limits()))));
    }
    return change;
}

}  // namespace tepui::cli
