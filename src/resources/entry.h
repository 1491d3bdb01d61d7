#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "resources/resources.h"

namespace tepui {

/// What few resources have: reservations, a disk, a provider. Immutable, shared by all copies of an
/// entry, absent for plain resources: so plain ones are copied and compared without touching it.
struct EntryDetails {
    std::vector<mesos::v1::Resource::ReservationInfo> reservations;  // Outermost first.
    std::optional<mesos::v1::Resource::DiskInfo> disk;
    std::string provider_id;  // "" for the agent's own resources.
    /// Canonical bytes of the identity. Left out on purpose: how a volume is mounted (a task may
    /// use another path or mode than the offer shows) and who made it.
    std::string key;

    /// Null when there is nothing to keep.
    static std::shared_ptr<const EntryDetails> make(EntryDetails details);
};

/// One kind of resource and how much of it.
struct Resources::Entry {
    using Value = std::variant<Quantity, Ranges, std::set<std::string>>;

    Entry() = default;
    Entry(std::string name, Value value);

    std::string name;
    std::string allocation_role;  // "" when not allocated.
    Value value;
    std::shared_ptr<const EntryDetails> details;
    std::uint32_t copies = 1;  // Above 1 only for shared resources.
    bool revocable = false;
    bool shared = false;
    std::uint8_t rank = 0;  // Place in the order; each well-known name has its own.

    bool is_scalar() const { return std::holds_alternative<Quantity>(value); }
    Quantity scalar() const { return is_scalar() ? std::get<Quantity>(value) : Quantity{}; }
    bool empty() const;

    bool is_reserved() const { return details && !details->reservations.empty(); }
    bool is_refined() const { return details && details->reservations.size() > 1; }
    /// Role of the last reservation, "*" for none.
    std::string_view reservation_role() const;
    const mesos::v1::Resource::DiskInfo* disk() const {
        return details && details->disk ? &*details->disk : nullptr;
    }
    bool is_persistent_volume() const { return disk() && disk()->has_persistence(); }
    /// Used whole or not at all: persistent volumes, mounted, block and identified raw disks.
    bool is_indivisible() const;
    std::string_view provider_id() const {
        return details ? std::string_view(details->provider_id) : std::string_view();
    }

    bool operator==(const Entry& other) const;
};

/// The fixed order of entries; 0 when both are the same kind, so that they merge (or, when
/// indivisible or shared, are the very same thing).
int compare_kind(const Resources::Entry& a, const Resources::Entry& b);

/// Writes one copy of the entry with `reservations`.
void write_entry(const Resources::Entry& entry, mesos::v1::Resource& out);
/// Reads and checks one resource; an entry without amount comes back empty.
Result<Resources::Entry> read_entry(const mesos::v1::Resource& resource);

}  // namespace tepui
