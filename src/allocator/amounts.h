#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "resources/resources.h"

namespace tepui::allocator {

/// Scalars as (kind, thousandths): what is charged to clients. Kinds are small integers.
struct Amount {
    std::uint32_t kind = 0;
    std::int64_t milli = 0;
};
using Amounts = std::vector<Amount>;

/// The cluster's capacity by kind of scalar, and the numbers of the kinds. Kinds are never
/// forgotten: there are as many as agents ever declared names.
class Capacity {
public:
    explicit Capacity(std::set<std::string> excluded) : excluded_(std::move(excluded)) {}

    /// Scalars of the entries that are not shared. A shared volume is charged to nobody, because
    /// several may hold it at once.
    Amounts amounts_of(const Resources& resources);
    /// What counts against quotas when allocated: unreserved scalars that are not revocable.
    Amounts unreserved_of(const Resources& resources);
    Amounts amounts_of(const Quantities& quantities);
    std::uint32_t kind_of(std::string_view name);
    const std::string& name_of(std::uint32_t kind) const { return kinds_[kind].name; }
    void grow(const Amounts& amounts);
    void shrink(const Amounts& amounts);
    /// The largest fraction of the capacity in `held` (thousandths by kind).
    double dominant_share(const std::vector<std::int64_t>& held) const;

private:
    struct Kind {
        std::string name;
        std::int64_t total_milli = 0;
        bool counts = true;
    };
    std::set<std::string> excluded_;
    std::map<std::string, std::uint32_t, std::less<>> numbers_;
    std::vector<Kind> kinds_;
};

/// Whether the entry's amount counts against the quota of whom it is allocated to.
bool counts_for_quota(const Resources::Entry& entry);

/// Cuts what counts against quotas down to `caps`, entry by entry; kinds that are missing in `caps`
/// are left alone. What is indivisible stays whole or goes. Returns whether anything was cut.
bool cut(Resources& resources, Capacity& capacity, Amounts caps);

}  // namespace tepui::allocator
