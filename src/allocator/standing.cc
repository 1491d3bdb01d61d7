// Who stands where, for people: places in the order, quotas, numbers of filters.
#include <algorithm>

#include "allocator/allocator_impl.h"
#include "allocator/explain.h"

namespace tepui::allocator {

Quantities Allocator::Impl::named(const std::vector<std::int64_t>& by_kind) const {
    Quantities result;
    for (std::size_t kind = 0; kind < by_kind.size(); ++kind) {
        if (by_kind[kind] == 0) continue;
        result[capacity_.name_of(static_cast<std::uint32_t>(kind))] = Quantity{by_kind[kind]};
    }
    return result;
}

Quantities Allocator::Impl::lacking(const QuotaBook::Account& account) const {
    Quantities result;
    for (const auto& guarantee : account.guarantees) {
        const auto milli = account.unsatisfied(guarantee.kind);
        if (milli > 0) result[capacity_.name_of(guarantee.kind)] = Quantity{milli};
    }
    return result;
}

std::vector<RoleStanding> Allocator::Impl::standing(const std::string& role) {
    settle_sums();
    std::vector<RoleStanding> result;
    for (std::size_t end = 0; end != std::string::npos;) {
        end = role.find('/', end == 0 ? 0 : end + 1);
        const std::string name = role.substr(0, end);
        const auto standing = tree_.standing_of(name);
        if (!standing) return {};
        RoleStanding& one = result.emplace_back();
        one.role = name;
        one.weight = standing->weight;
        one.share = standing->share;
        one.position = standing->position;
        one.competitors = standing->competitors;
        one.allocated = named(standing->held);
        const auto* account = book_.find(name);
        if (!account || account->parent) continue;
        one.consumed = named(account->consumed);
        one.lacking = lacking(*account);
        for (const auto& [kind, milli] : account->guarantees) {
            one.guarantees[capacity_.name_of(kind)] = Quantity{milli};
        }
        for (const auto& [kind, milli] : account->limits) {
            one.limits[capacity_.name_of(kind)] = Quantity{milli};
        }
    }
    return result;
}

std::vector<FrameworkId> Allocator::Impl::clients_of(const std::string& role) {
    settle_sums();
    std::vector<std::pair<ClientHandle, FrameworkId>> found;
    for (const auto& [id, handle] : framework_handles_) {
        const auto& framework = frameworks_[handle];
        const auto it = framework.roles.find(role);
        if (it == framework.roles.end() || !framework.known || !it->second.subscribed) continue;
        found.emplace_back(it->second.client, id);
    }
    std::sort(found.begin(), found.end(),
              [&](const auto& a, const auto& b) { return tree_.before(a.first, b.first); });
    std::vector<FrameworkId> result;
    for (auto& [client, id] : found) result.push_back(std::move(id));
    return result;
}

std::map<std::string, std::size_t> Allocator::Impl::active_filters() const {
    std::map<std::string, std::size_t> result;
    for (const auto& framework : frameworks_) {
        for (const auto& [name, role] : framework.roles) {
            if (clients_[role.client].refusals > 0) result[name] += clients_[role.client].refusals;
        }
    }
    return result;
}

std::vector<RoleStanding> Allocator::standing(const std::string& role) const {
    return impl_->standing(role);
}
std::vector<FrameworkId> Allocator::clients_of(const std::string& role) const {
    return impl_->clients_of(role);
}
std::map<std::string, std::size_t> Allocator::active_filters() const {
    return impl_->active_filters();
}

}  // namespace tepui::allocator
