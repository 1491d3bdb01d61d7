#include "allocator/amounts.h"

#include <algorithm>

#include "resources/entry.h"

namespace tepui::allocator {

namespace {

template <typename Keep>
Amounts sum(Capacity& capacity, const Resources& resources, Keep keep) {
    Amounts amounts;
    amounts.reserve(resources.size());
    const std::string* name = nullptr;
    for (const auto& entry : resources.entries()) {
        if (!entry.is_scalar() || entry.shared || !keep(entry)) continue;
        // Entries of one name are neighbours.
        if (name && *name == entry.name) {
            amounts.back().milli += entry.scalar().milli;
            continue;
        }
        name = &entry.name;
        amounts.push_back({capacity.kind_of(entry.name), entry.scalar().milli});
    }
    return amounts;
}

}  // namespace

std::uint32_t Capacity::kind_of(std::string_view name) {
    const auto it = numbers_.find(name);
    if (it != numbers_.end()) return it->second;
    const auto kind = static_cast<std::uint32_t>(kinds_.size());
    numbers_.emplace(name, kind);
    kinds_.push_back({std::string(name), 0, !excluded_.contains(std::string(name))});
    return kind;
}

Amounts Capacity::amounts_of(const Resources& resources) {
    return sum(*this, resources, [](const Resources::Entry&) { return true; });
}

Amounts Capacity::unreserved_of(const Resources& resources) {
    return sum(*this, resources, counts_for_quota);
}

Amounts Capacity::amounts_of(const Quantities& quantities) {
    Amounts amounts;
    for (const auto& [name, quantity] : quantities) {
        amounts.push_back({kind_of(name), quantity.milli});
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
        const auto& [name, total, counts] = kinds_[kind];
        if (!counts || total <= 0 || held[kind] <= 0) continue;
        share = std::max(share, static_cast<double>(held[kind]) / static_cast<double>(total));
    }
    return share;
}

bool counts_for_quota(const Resources::Entry& entry) {
    return entry.is_scalar() && !entry.is_reserved() && !entry.revocable && !entry.shared;
}

bool cut(Resources& resources, Capacity& capacity, Amounts caps) {
    std::vector<Resources::Entry> entries;
    bool was_cut = false;
    const auto& all = resources.entries();
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto cap = counts_for_quota(all[i])
                             ? std::find_if(caps.begin(), caps.end(),
                                            [kind = capacity.kind_of(all[i].name)](
                                                const Amount& cap) { return cap.kind == kind; })
                             : caps.end();
        const std::int64_t milli = all[i].scalar().milli;
        const bool fits = cap == caps.end() || milli <= cap->milli;
        if (!fits && !was_cut) {
            was_cut = true;
            entries.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i));
        }
        const std::int64_t taken = fits ? milli : all[i].is_indivisible() ? 0 : cap->milli;
        if (cap != caps.end()) cap->milli -= taken;
        if (!was_cut || (!fits && taken == 0)) continue;
        entries.push_back(all[i]);
        if (!fits) entries.back().value = Quantity{taken};
    }
    if (was_cut) resources = Resources::from_entries(std::move(entries));
    return was_cut;
}

}  // namespace tepui::allocator
