#include "resources/entry.h"
#include "resources/resources.h"

// Resource.role is deprecated and still what old clients write and read.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace tepui {

using mesos::v1::Resource;

namespace {

/// `role` and `reservation` as they say the same as the only (or no) reservation of `resource`.
void add_old_fields(Resource& resource) {
    if (resource.reservations_size() == 0) {
        resource.set_role("*");
        return;
    }
    const auto& only = resource.reservations(0);
    resource.set_role(only.role());
    if (only.type() != Resource::ReservationInfo::DYNAMIC) return;
    auto* old = resource.mutable_reservation();
    *old = only;
    old->clear_type();
    old->clear_role();
}

template <typename Keep>
void erase_unless(ResourceList& list, Keep keep) {
    int kept = 0;
    for (int i = 0; i < list.size(); ++i) {
        if (!keep(list.Get(i))) continue;
        if (i != kept) list.SwapElements(i, kept);
        ++kept;
    }
    list.DeleteSubrange(kept, list.size() - kept);
}

}  // namespace

void to_reservations_format(ResourceList& list) {
    for (auto& resource : list) {
        if (resource.reservations_size() == 0 && resource.has_role() && resource.role() != "*") {
            auto* only = resource.add_reservations();
            *only = resource.reservation();
            only->set_role(resource.role());
            only->set_type(resource.has_reservation() ? Resource::ReservationInfo::DYNAMIC
                                                      : Resource::ReservationInfo::STATIC);
        }
        resource.clear_role();
        resource.clear_reservation();
    }
}

void to_legacy_format(ResourceList& list) {
    to_reservations_format(list);
    erase_unless(list, [](const Resource& resource) { return resource.reservations_size() < 2; });
    for (auto& resource : list) {
        add_old_fields(resource);
        resource.clear_reservations();
    }
}

void to_endpoint_format(ResourceList& list) {
    to_reservations_format(list);
    for (auto& resource : list) {
        if (resource.reservations_size() < 2) add_old_fields(resource);
    }
}

Result<Resources> Resources::parse(const ResourceList& list) {
    std::vector<Entry> entries;
    entries.reserve(static_cast<std::size_t>(list.size()));
    for (const auto& resource : list) entries.push_back(TEPUI_TRY(read_entry(resource)));
    return from_entries(std::move(entries));
}

Result<Resources> Resources::parse(const Resource& resource) {
    std::vector<Entry> entries;
    entries.push_back(TEPUI_TRY(read_entry(resource)));
    return from_entries(std::move(entries));
}

ResourceList Resources::to_proto() const {
    ResourceList list;
    list.Reserve(static_cast<int>(entries_.size()));
    for (const auto& entry : entries_) {
        // A shared resource held several times is written as often: the wire has no count.
        for (std::uint32_t copy = 0; copy < entry.copies; ++copy) write_entry(entry, *list.Add());
    }
    return list;
}

ResourceList Resources::to_proto_legacy() const {
    auto list = to_proto();
    to_legacy_format(list);
    return list;
}

ResourceList Resources::to_proto_endpoint() const {
    auto list = to_proto();
    to_endpoint_format(list);
    return list;
}

}  // namespace tepui
