#include <algorithm>
#include <cmath>

#include "resources/entry.h"

// Resource.role is deprecated and still what old clients write and read.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace tepui {

namespace {

using mesos::v1::Resource;
using mesos::v1::Value;

// An exabyte in MB. Keeps sums of many resources inside 64 bits.
constexpr double scalar_max = 1e12;

Result<Resources::Entry::Value> read_scalar(const Resource& resource) {
    const double value = resource.scalar().value();
    if (!std::isfinite(value))
        return fail(Errc::invalid_argument, "{} is not a finite number", value);
    if (value < 0) return fail(Errc::invalid_argument, "{} is negative", value);
    if (value > scalar_max) return fail(Errc::invalid_argument, "{} is too large", value);
    if (resource.name() == "gpus" && value != std::floor(value)) {
        return fail(Errc::invalid_argument, "{} is not a whole number", value);
    }
    return Quantity::from_double(value);
}

Result<Resources::Entry::Value> read_ranges(const Resource& resource) {
    Ranges ranges;
    ranges.list.reserve(static_cast<std::size_t>(resource.ranges().range_size()));
    for (const auto& range : resource.ranges().range()) {
        if (range.begin() > range.end()) {
            return fail(Errc::invalid_argument, "range {}-{} runs backwards", range.begin(),
                        range.end());
        }
        ranges.list.push_back({range.begin(), range.end()});
    }
    std::sort(ranges.list.begin(), ranges.list.end());
    for (std::size_t i = 1; i < ranges.list.size(); ++i) {
        const auto& last = ranges.list[i - 1];
        const auto& next = ranges.list[i];
        if (next.begin <= last.end) {
            return fail(Errc::invalid_argument, "ranges {}-{} and {}-{} overlap", last.begin,
                        last.end, next.begin, next.end);
        }
    }
    normalize(ranges);
    return ranges;
}

Result<Resources::Entry::Value> read_set(const Resource& resource) {
    std::set<std::string> items;
    for (const auto& item : resource.set().item()) {
        if (!items.insert(item).second) {
            return fail(Errc::invalid_argument, "set item '{}' is given twice", item);
        }
    }
    return items;
}

Result<Resources::Entry::Value> read_value(const Resource& resource) {
    const bool scalar = resource.has_scalar();
    const bool ranges = resource.has_ranges();
    const bool set = resource.has_set();
    const auto& type_name = Value::Type_Name(resource.type());
    const auto mismatch = [&] {
        return fail(Errc::invalid_argument, "the value does not fit the type {}", type_name);
    };
    switch (resource.type()) {
        case Value::SCALAR:
            if (!scalar || ranges || set) return mismatch();
            return read_scalar(resource);
        case Value::RANGES:
            if (scalar || !ranges || set) return mismatch();
            return read_ranges(resource);
        case Value::SET:
            if (scalar || ranges || !set) return mismatch();
            return read_set(resource);
        default: return fail(Errc::invalid_argument, "the type {} is not supported", type_name);
    }
}

Result<void> check_reservation_role(const std::string& role) {
    if (role == "*")
        return fail(Errc::invalid_argument, "a reservation cannot be for the role '*'");
    return validate_role(role);
}

/// The endpoint form carries the old fields beside the new ones; they must say the same.
bool old_fields_agree(const Resource& resource) {
    if (!resource.has_role() && !resource.has_reservation()) return true;
    if (resource.reservations_size() != 1) return false;
    const auto& only = resource.reservations(0);
    if (resource.role() != only.role()) return false;
    if (resource.has_reservation() != (only.type() == Resource::ReservationInfo::DYNAMIC))
        return false;
    return resource.reservation().principal() == only.principal();
}

Result<void> read_new_reservations(const Resource& resource, EntryDetails& details) {
    if (!old_fields_agree(resource)) {
        return fail(Errc::invalid_argument,
                    "'reservations' cannot be mixed with a different 'role' or 'reservation'");
    }
    const std::string* outer = nullptr;
    for (const auto& reservation : resource.reservations()) {
        if (reservation.type() == Resource::ReservationInfo::UNKNOWN) {
            return fail(Errc::invalid_argument, "a reservation needs the type STATIC or DYNAMIC");
        }
        TEPUI_CHECK_OK(check_reservation_role(reservation.role()));
        if (outer && reservation.type() == Resource::ReservationInfo::STATIC) {
            return fail(Errc::invalid_argument, "a refined reservation cannot be STATIC");
        }
        if (outer &&
            (reservation.role() == *outer || !role_is_within(reservation.role(), *outer))) {
            return fail(Errc::invalid_argument, "role '{}' does not refine role '{}'",
                        reservation.role(), *outer);
        }
        outer = &reservation.role();
        details.reservations.push_back(reservation);
    }
    return {};
}

Result<void> read_reservations(const Resource& resource, EntryDetails& details) {
    if (resource.reservations_size() > 0) return read_new_reservations(resource, details);
    if (!resource.has_role() || resource.role() == "*") {
        if (!resource.has_reservation()) return {};
        return fail(Errc::invalid_argument, "the role '*' cannot have a 'reservation'");
    }
    TEPUI_CHECK_OK(check_reservation_role(resource.role()));
    if (resource.reservation().has_type() || resource.reservation().has_role()) {
        return fail(Errc::invalid_argument, "'reservation' cannot have a type or role of its own");
    }
    auto reservation = resource.reservation();
    reservation.set_role(resource.role());
    reservation.set_type(resource.has_reservation() ? Resource::ReservationInfo::DYNAMIC
                                                    : Resource::ReservationInfo::STATIC);
    details.reservations.push_back(std::move(reservation));
    return {};
}

Result<void> check_disk(const Resource& resource) {
    if (resource.name() != "disk") {
        return fail(Errc::invalid_argument, "only 'disk' resources can have disk info");
    }
    if (!resource.disk().has_source()) return {};
    using Source = Resource::DiskInfo::Source;
    const auto& source = resource.disk().source();
    if (source.type() == Source::UNKNOWN) {
        return fail(Errc::invalid_argument, "the type of the disk source is unknown");
    }
    if ((source.has_path() && source.type() != Source::PATH) ||
        (source.has_mount() && source.type() != Source::MOUNT)) {
        return fail(Errc::invalid_argument,
                    "'path' and 'mount' must fit the type of the disk source");
    }
    return {};
}

Result<void> check_use(const Resources::Entry& entry) {
    if (entry.shared && !entry.is_persistent_volume()) {
        return fail(Errc::invalid_argument, "only persistent volumes can be shared");
    }
    if (!entry.revocable) return {};
    if (entry.is_persistent_volume()) {
        return fail(Errc::invalid_argument, "a persistent volume cannot be revocable");
    }
    if (entry.is_reserved() &&
        entry.details->reservations.back().type() == Resource::ReservationInfo::DYNAMIC) {
        return fail(Errc::invalid_argument, "a revocable resource cannot be dynamically reserved");
    }
    return {};
}

bool is_plain(const Resource& resource) {
    return resource.reservations_size() == 0 && !resource.has_role() &&
           !resource.has_reservation() && !resource.has_disk() && !resource.has_provider_id();
}

Result<Resources::Entry> read_unnamed(const Resource& resource) {
    Resources::Entry entry(resource.name(), TEPUI_TRY(read_value(resource)));
    if (resource.has_allocation_info() && !resource.allocation_info().role().empty()) {
        if (resource.allocation_info().role() != "*") {
            TEPUI_CHECK_OK(validate_role(resource.allocation_info().role()));
        }
        entry.allocation_role = resource.allocation_info().role();
    }
    entry.revocable = resource.has_revocable();
    entry.shared = resource.has_shared();
    if (!is_plain(resource)) {
        EntryDetails details;
        TEPUI_CHECK_OK(read_reservations(resource, details));
        if (resource.has_disk()) {
            TEPUI_CHECK_OK(check_disk(resource));
            details.disk = resource.disk();
        }
        details.provider_id = resource.provider_id().value();
        entry.details = EntryDetails::make(std::move(details));
    }
    TEPUI_CHECK_OK(check_use(entry));
    return entry;
}

}  // namespace

Result<Resources::Entry> read_entry(const Resource& resource) {
    if (resource.name().empty()) return fail(Errc::invalid_argument, "a resource has no name");
    auto entry = read_unnamed(resource);
    if (!entry) return fail_with(fmt::format("resource '{}'", resource.name()), entry.error());
    return entry;
}

void write_entry(const Resources::Entry& entry, Resource& out) {
    out.set_name(entry.name);
    if (const auto* quantity = std::get_if<Quantity>(&entry.value)) {
        out.set_type(Value::SCALAR);
        out.mutable_scalar()->set_value(quantity->to_double());
    } else if (const auto* ranges = std::get_if<Ranges>(&entry.value)) {
        out.set_type(Value::RANGES);
        for (const auto& range : ranges->list) {
            auto* written = out.mutable_ranges()->add_range();
            written->set_begin(range.begin);
            written->set_end(range.end);
        }
    } else {
        out.set_type(Value::SET);
        for (const auto& item : std::get<std::set<std::string>>(entry.value)) {
            out.mutable_set()->add_item(item);
        }
    }
    if (!entry.allocation_role.empty()) {
        out.mutable_allocation_info()->set_role(entry.allocation_role);
    }
    if (entry.revocable) out.mutable_revocable();
    if (entry.shared) out.mutable_shared();
    if (!entry.details) return;
    for (const auto& reservation : entry.details->reservations)
        *out.add_reservations() = reservation;
    if (entry.details->disk) *out.mutable_disk() = *entry.details->disk;
    if (!entry.details->provider_id.empty()) {
        out.mutable_provider_id()->set_value(entry.details->provider_id);
    }
}

}  // namespace tepui
