#include "master/core/offer_wishes.h"

#include <cmath>

#include "master/core/validation.h"

namespace tepui::master {

namespace {

Result<Quantities> parse_least(const std::string& role,
                               const mesos::v1::OfferFilters::ResourceQuantities& amounts) {
    Quantities least;
    for (const auto& [name, amount] : amounts.quantities()) {
        const Quantity quantity = Quantity::from_double(amount.value());
        if (!std::isfinite(amount.value()) || quantity <= Quantity{}) {
            return fail(Errc::invalid_argument,
                        "The offer filter for role '{}' wants {} {}, which is no amount above 0",
                        role, name, amount.value());
        }
        least.emplace(name, quantity);
    }
    return least;
}

}  // namespace

Result<std::map<std::string, std::vector<Quantities>>> parse_offer_filters(
    const mesos::v1::FrameworkInfo& info) {
    std::map<std::string, std::vector<Quantities>> filters;
    if (info.offer_filters().empty()) return filters;
    const std::set<std::string> roles = framework_roles(info);
    for (const auto& [role, filter] : info.offer_filters()) {
        if (!roles.contains(role)) {
            return fail(Errc::invalid_argument,
                        "There is an offer filter for role '{}', which is not among the "
                        "framework's roles",
                        role);
        }
        if (!filter.has_min_allocatable_resources()) continue;
        std::vector<Quantities>& least = filters[role];
        for (const auto& amounts : filter.min_allocatable_resources().quantities()) {
            least.push_back(TEPUI_TRY(parse_least(role, amounts)));
        }
    }
    return filters;
}

Result<std::map<std::string, allocator::RoleConstraints>> parse_offer_constraints(
    const mesos::v1::FrameworkInfo& info, const mesos::v1::scheduler::OfferConstraints& constraints,
    const allocator::RegexLimits& limits) {
    if (constraints.role_constraints().empty()) {
        return std::map<std::string, allocator::RoleConstraints>{};
    }
    const std::set<std::string> roles = framework_roles(info);
    for (const auto& [role, groups] : constraints.role_constraints()) {
        if (!roles.contains(role)) {
            return fail(Errc::invalid_argument,
                        "There are offer constraints for role '{}', which is not among the "
                        "framework's roles",
                        role);
        }
    }
    return allocator::compile_constraints(constraints, limits);
}

}  // namespace tepui::master
