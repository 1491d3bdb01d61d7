#include "resources/resources.h"

#include <algorithm>
#include <limits>

#include "base/overloaded.h"
#include "resources/entry.h"

namespace tepui {

namespace {

using Entry = Resources::Entry;

std::int64_t add_saturating(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

/// Kinds that are held side by side even when equal.
bool stands_alone(const Entry& entry) {
    return !entry.shared && entry.details && entry.is_indivisible();
}

void add_amount(Entry& to, const Entry& more) {
    if (to.shared) {
        to.copies = static_cast<std::uint32_t>(
            std::min<std::uint64_t>(std::uint64_t{to.copies} + more.copies, 0xffffffffU));
        return;
    }
    std::visit(Overloaded{
                   [&](Quantity& value) {
                       value.milli =
                           add_saturating(value.milli, std::get<Quantity>(more.value).milli);
                   },
                   [&](Ranges& value) { value += std::get<Ranges>(more.value); },
                   [&](std::set<std::string>& value) {
                       const auto& items = std::get<std::set<std::string>>(more.value);
                       value.insert(items.begin(), items.end());
                   },
               },
               to.value);
}

/// Leaves the entry empty when nothing remains.
void subtract_amount(Entry& from, const Entry& less) {
    if (from.shared && from.copies > less.copies) {
        from.copies -= less.copies;
        return;
    }
    if (from.shared) {
        from.value = Quantity{};
        return;
    }
    std::visit(Overloaded{
                   [&](Quantity& value) {
                       value.milli = std::max<std::int64_t>(
                           0, value.milli - std::get<Quantity>(less.value).milli);
                   },
                   [&](Ranges& value) { value -= std::get<Ranges>(less.value); },
                   [&](std::set<std::string>& value) {
                       for (const auto& item : std::get<std::set<std::string>>(less.value)) {
                           value.erase(item);
                       }
                   },
               },
               from.value);
}

bool has_amount(const Entry& have, const Entry& want) {
    if (have.shared) return have.copies >= want.copies;
    return std::visit(
        Overloaded{
            [&](const Quantity& value) { return value >= std::get<Quantity>(want.value); },
            [&](const Ranges& value) { return value.contains(std::get<Ranges>(want.value)); },
            [&](const std::set<std::string>& value) {
                const auto& items = std::get<std::set<std::string>>(want.value);
                return std::includes(value.begin(), value.end(), items.begin(), items.end());
            },
        },
        have.value);
}

}  // namespace

Resources::Resources() = default;
Resources::Resources(const Resources&) = default;
Resources::Resources(Resources&&) noexcept = default;
Resources& Resources::operator=(const Resources&) = default;
Resources& Resources::operator=(Resources&&) noexcept = default;
Resources::~Resources() = default;

bool Resources::empty() const { return entries_.empty(); }
std::size_t Resources::size() const { return entries_.size(); }
bool Resources::operator==(const Resources& other) const { return entries_ == other.entries_; }

Resources Resources::from_entries(std::vector<Entry> entries) {
    std::erase_if(entries, [](const Entry& entry) { return entry.empty(); });
    std::stable_sort(entries.begin(), entries.end(),
                     [](const Entry& a, const Entry& b) { return compare_kind(a, b) < 0; });
    Resources result;
    result.entries_.reserve(entries.size());
    for (auto& entry : entries) {
        auto& kept = result.entries_;
        if (!kept.empty() && !stands_alone(entry) && compare_kind(kept.back(), entry) == 0) {
            add_amount(kept.back(), entry);
        } else {
            kept.push_back(std::move(entry));
        }
    }
    return result;
}

// The three below walk two sorted lists side by side. An entry that stands alone is used up by its
// first match, so that two equal ones count twice.

Resources& Resources::operator+=(const Resources& other) {
    if (this == &other) return *this += Resources(other);
    if (entries_.empty()) return *this = other;
    std::size_t i = 0;
    for (const Entry& more : other.entries_) {
        int order = -1;
        while (i < entries_.size() && (order = compare_kind(entries_[i], more)) < 0) ++i;
        if (i < entries_.size() && order == 0 && !stands_alone(more)) {
            add_amount(entries_[i], more);
        } else {
            entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(i), more);
        }
    }
    return *this;
}

Resources& Resources::operator-=(const Resources& other) {
    if (this == &other) {
        entries_.clear();
        return *this;
    }
    std::size_t i = 0;
    bool emptied = false;
    for (const Entry& less : other.entries_) {
        while (i < entries_.size() && compare_kind(entries_[i], less) < 0) ++i;
        if (i == entries_.size()) break;
        if (compare_kind(entries_[i], less) != 0) continue;
        if (stands_alone(less)) {
            entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
        }
        subtract_amount(entries_[i], less);
        emptied = emptied || entries_[i].empty();
    }
    if (emptied) std::erase_if(entries_, [](const Entry& entry) { return entry.empty(); });
    return *this;
}

bool Resources::contains(const Resources& other) const {
    std::size_t i = 0;
    for (const Entry& want : other.entries_) {
        while (i < entries_.size() && compare_kind(entries_[i], want) < 0) ++i;
        if (i == entries_.size() || compare_kind(entries_[i], want) != 0) return false;
        if (!has_amount(entries_[i], want)) return false;
        if (stands_alone(want)) ++i;
    }
    return true;
}

}  // namespace tepui
