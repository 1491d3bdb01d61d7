#include "allocator/amounts.h"

#include <algorithm>

#include "resources/entry.h"

namespace tepui::allocator {

Amounts Capacity::amounts_of(const Resources& resources) {
    Amounts amounts;
    amounts.reserve(resources.size());
    for (const auto& entry : resources.entries()) {
        if (!entry.is_scalar() || entry.shared) continue;
        auto it = numbers_.find(entry.name);
        if (it == numbers_.end()) {
            it = numbers_.emplace(entry.name, static_cast<std::uint32_t>(kinds_.size())).first;
            kinds_.push_back({0, !excluded_.contains(entry.name)});
        }
        // Entries of one name are neighbours.
        if (!amounts.empty() && amounts.back().kind == it->second) {
            amounts.back().milli += entry.scalar().milli;
        } else {
            amounts.push_back({it->second, entry.scalar().milli});
        }
    }
    return amounts;
}

void Capacity::grow(const Amounts& amounts) {
    for (const auto& amount : amounts) kinds_[amount.kind].total_milli += amount.milli;
}

void Capacity::shrink(const Amounts& amounts) {
    for (const auto& amount : amounts) kinds_[amount.kind].total_milli -= amount.milli;
}

double Capacity::dominant_share(const std::vector<std::int64_t>& held) const {
    double share = 0;
    for (std::size_t kind = 0; kind < held.size(); ++kind) {
        const auto& [total, counts] = kinds_[kind];
        if (!counts || total <= 0 || held[kind] <= 0) continue;
        share = std::max(share, static_cast<double>(held[kind]) / static_cast<double>(total));
    }
    return share;
}

}  // namespace tepui::allocator
