#include <algorithm>
#include <set>

#include "resources/entry.h"
#include "resources/resources.h"
#include "resources/value_text.h"

namespace tepui {

using mesos::v1::Resource;

namespace {

/// Copies the entries and lets `change` edit the details of each.
template <typename Change>
Resources with_details(const std::vector<Resources::Entry>& entries, Change change) {
    auto changed = entries;
    for (auto& entry : changed) {
        EntryDetails details = entry.details ? *entry.details : EntryDetails{};
        change(entry, details);
        entry.details = EntryDetails::make(std::move(details));
    }
    return Resources::from_entries(std::move(changed));
}

}  // namespace

Quantity Resources::scalar(std::string_view name) const {
    Quantity sum;
    for (const auto& entry : entries_) {
        if (entry.name == name) sum += entry.scalar();
    }
    return sum;
}

Quantities Resources::scalars() const {
    Quantities sums;
    for (const auto& entry : entries_) {
        if (entry.is_scalar()) sums[entry.name] += entry.scalar();
    }
    return sums;
}

Ranges Resources::ranges(std::string_view name) const {
    Ranges all;
    for (const auto& entry : entries_) {
        if (entry.name != name) continue;
        if (const auto* ranges = std::get_if<Ranges>(&entry.value)) all += *ranges;
    }
    return all;
}

Resources Resources::filter(const std::function<bool(const Entry&)>& keep) const {
    Resources kept;  // A selection of sorted entries is sorted.
    for (const auto& entry : entries_) {
        if (keep(entry)) kept.entries_.push_back(entry);
    }
    return kept;
}

Resources Resources::unreserved() const {
    return filter([](const Entry& entry) { return !entry.is_reserved(); });
}

Resources Resources::reserved_for(std::string_view role) const {
    return filter([&](const Entry& entry) {
        return entry.is_reserved() && entry.reservation_role() == role;
    });
}

std::vector<std::string> Resources::reserved_roles() const {
    std::set<std::string> roles;
    for (const auto& entry : entries_) {
        if (entry.is_reserved()) roles.emplace(entry.reservation_role());
    }
    return {roles.begin(), roles.end()};
}

Resources Resources::offerable_to(std::string_view role) const {
    return filter([&](const Entry& entry) {
        return !entry.is_reserved() || role_is_within(role, entry.reservation_role());
    });
}

Resources Resources::revocable() const {
    return filter([](const Entry& entry) { return entry.revocable; });
}

Resources Resources::nonrevocable() const {
    return filter([](const Entry& entry) { return !entry.revocable; });
}

Resources Resources::shared() const {
    return filter([](const Entry& entry) { return entry.shared; });
}

Resources Resources::nonshared() const {
    return filter([](const Entry& entry) { return !entry.shared; });
}

Resources Resources::persistent_volumes() const {
    return filter([](const Entry& entry) { return entry.is_persistent_volume(); });
}

Resources Resources::allocated_to(std::string_view role) const {
    Resources result = *this;
    const bool uniform = std::all_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.allocation_role == entries_.front().allocation_role;
    });
    for (auto& entry : result.entries_) entry.allocation_role = role;
    // Entries of several roles may have become the same kind.
    return uniform ? result : from_entries(std::move(result.entries_));
}

Resources Resources::unallocated() const { return allocated_to(""); }

std::map<std::string, Resources> Resources::by_allocation_role() const {
    std::map<std::string, Resources> roles;
    for (const auto& entry : entries_) roles[entry.allocation_role].entries_.push_back(entry);
    return roles;
}

Resources Resources::push_reservation(const Resource::ReservationInfo& reservation) const {
    return with_details(entries_, [&](Entry&, EntryDetails& details) {
        details.reservations.push_back(reservation);
    });
}

Resources Resources::pop_reservation() const {
    return with_details(entries_, [](Entry&, EntryDetails& details) {
        if (!details.reservations.empty()) details.reservations.pop_back();
    });
}

Resources Resources::without_persistence() const {
    return with_details(entries_, [](Entry& entry, EntryDetails& details) {
        if (!details.disk) return;
        entry.shared = false;
        entry.copies = 1;
        details.disk->clear_persistence();
        details.disk->clear_volume();
        if (!details.disk->has_source()) details.disk.reset();
    });
}

std::vector<Resources::Total> Resources::totals() const {
    std::vector<Total> totals;
    for (const bool revocable : {false, true}) {
        for (auto it = entries_.begin(); it != entries_.end();) {
            // Entries of one name and type are neighbours.
            const auto first = it;
            Total total{first->name, revocable, first->is_scalar(), {}, {}};
            Ranges ranges;
            std::set<std::string> items;
            bool any = false;
            for (; it != entries_.end() && it->name == first->name &&
                   it->value.index() == first->value.index();
                 ++it) {
                if (it->revocable != revocable) continue;
                any = true;
                total.scalar += it->scalar();
                if (const auto* more = std::get_if<Ranges>(&it->value)) ranges += *more;
                if (const auto* more = std::get_if<std::set<std::string>>(&it->value)) {
                    items.insert(more->begin(), more->end());
                }
            }
            if (!any) continue;
            if (std::holds_alternative<Ranges>(first->value)) total.text = tepui::to_string(ranges);
            if (first->value.index() == 2) total.text = tepui::to_string(items);
            totals.push_back(std::move(total));
        }
    }
    return totals;
}

}  // namespace tepui
