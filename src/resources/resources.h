#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantity.h"
#include "base/result.h"
#include "mesos/v1/mesos.pb.h"
#include "resources/ranges.h"

namespace tepui {

using ResourceList = google::protobuf::RepeatedPtrField<mesos::v1::Resource>;

/// Scalar amounts by resource name: what shares and quotas are counted in. Zeros are not kept.
using Quantities = std::map<std::string, Quantity, std::less<>>;

/// A multiset of resources with Mesos' algebra. Two entries merge when their identity is equal:
/// name, type, reservation stack, disk info, allocation role, provider, revocable, shared. Entries
/// are kept in a fixed order, so equal sums print and encode equal. Cheap to move; copying costs
/// O(entries).
///
/// The representation is this module's own (scalars are thousandths); protobuf is read and written
/// at the edges.
class Resources {
public:
    struct Entry;

    Resources();
    Resources(const Resources&);
    Resources(Resources&&) noexcept;
    Resources& operator=(const Resources&);
    Resources& operator=(Resources&&) noexcept;
    ~Resources();

    /// Reads the wire's form (both the `role`/`reservation` and the `reservations` form). Fails on
    /// what Mesos' validation refuses: negative scalars, bad ranges, unknown type, bad role, mixed
    /// formats; the text names the resource.
    static Result<Resources> parse(const ResourceList& list);
    static Result<Resources> parse(const mesos::v1::Resource& resource);
    /// Reads `--resources` in either syntax: "cpus:4;mem:1024;ports:[31000-32000];disk(role):10" or
    /// a JSON array of Resource messages.
    static Result<Resources> parse_flag(std::string_view text, std::string_view default_role = "*");

    /// Writes the wire's form, with `reservations` (RESERVATION_REFINEMENT).
    ResourceList to_proto() const;
    /// The form for clients without RESERVATION_REFINEMENT: `role` and `reservation`. Entries with
    /// more than one reservation are left out.
    ResourceList to_proto_legacy() const;

    /// The form of operator endpoints: `reservations`, and beside them `role` and `reservation` for
    /// entries that clients of either kind can understand (not refined).
    ResourceList to_proto_endpoint() const;

    bool empty() const;
    std::size_t size() const;
    bool operator==(const Resources& other) const;

    Resources& operator+=(const Resources& other);
    /// Subtracts as far as possible: what is not there is ignored; nothing gets negative.
    Resources& operator-=(const Resources& other);
    friend Resources operator+(Resources a, const Resources& b) { return std::move(a += b); }
    friend Resources operator-(Resources a, const Resources& b) { return std::move(a -= b); }
    bool contains(const Resources& other) const;

    /// Total of a scalar over all entries of that name.
    Quantity scalar(std::string_view name) const;
    Quantities scalars() const;
    /// All ranges of that name.
    Ranges ranges(std::string_view name) const;

    Resources unreserved() const;
    /// Entries whose last reservation is for exactly this role.
    Resources reserved_for(std::string_view role) const;
    /// Roles with reservations.
    std::vector<std::string> reserved_roles() const;
    /// What may be offered to `role`: unreserved and reserved for it or for its ancestors.
    Resources offerable_to(std::string_view role) const;
    Resources revocable() const;
    Resources nonrevocable() const;
    Resources shared() const;
    Resources nonshared() const;
    Resources persistent_volumes() const;
    /// Everything `entry` holds, for those who need more than the selections here (entry.h).
    const std::vector<Entry>& entries() const { return entries_; }
    /// Sorts and merges; entries without amount are dropped.
    static Resources from_entries(std::vector<Entry> entries);
    Resources filter(const std::function<bool(const Entry&)>& keep) const;

    /// Sets (or clears) allocation_info.role of every entry.
    Resources allocated_to(std::string_view role) const;
    Resources unallocated() const;
    /// The resources by allocation role ("" for none).
    std::map<std::string, Resources> by_allocation_role() const;

    /// With one more reservation on every entry's stack (RESERVE).
    Resources push_reservation(const mesos::v1::Resource::ReservationInfo& reservation) const;
    /// Without the last reservation of every entry (UNRESERVE); unreserved entries stay as they
    /// are.
    Resources pop_reservation() const;
    /// Volumes turned back into the disk they are made of (DESTROY): no persistence, volume,
    /// sharing.
    Resources without_persistence() const;

    /// Sums by name, for JSON objects of endpoints: revocable amounts apart, after the others.
    struct Total {
        std::string name;
        bool revocable = false;
        bool is_scalar = true;
        Quantity scalar;   // When is_scalar.
        std::string text;  // Else "[1-3, 7-9]" or "{a, b}".
        bool operator==(const Total&) const = default;
    };
    std::vector<Total> totals() const;

    /// As Mesos writes them in messages: "cpus(allocated: *):8; mem(allocated: *):16384".
    std::string to_string() const;

private:
    std::vector<Entry> entries_;
};

/// Changes a list between the wire's forms in place: what servers do for clients that lack
/// RESERVATION_REFINEMENT. Unlike parsing this checks nothing and keeps what it does not know.
/// to_legacy_format() drops entries with more than one reservation.
void to_reservations_format(ResourceList& list);
void to_legacy_format(ResourceList& list);
void to_endpoint_format(ResourceList& list);

/// Whether `role` is a valid role name; the error says what is wrong with it.
Result<void> validate_role(std::string_view role);
/// Whether `role` is `ancestor` or nested below it.
bool role_is_within(std::string_view role, std::string_view ancestor);

}  // namespace tepui
