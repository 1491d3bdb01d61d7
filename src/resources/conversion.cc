#include "resources/conversion.h"

#include <algorithm>
#include <set>

#include "resources/entry.h"
#include "resources/id_validation.h"

namespace tepui {

namespace {

using mesos::v1::Resource;
using Entry = Resources::Entry;
using Operation = mesos::v1::Offer::Operation;
using Source = Resource::DiskInfo::Source;

std::string text_of(const Entry& entry) { return Resources::from_entries({entry}).to_string(); }

bool is_dynamic(const Entry& entry) {
    return entry.is_reserved() &&
           entry.details->reservations.back().type() == Resource::ReservationInfo::DYNAMIC;
}

/// What the wire lists, without anything left out or merged away unseen.
Result<Resources> read_all(const ResourceList& list, std::string_view what) {
    for (const Resource& resource : list) {
        const auto entry = TEPUI_TRY(read_entry(resource));
        if (entry.empty()) {
            return fail(Errc::invalid_argument, "resource '{}' has no amount", entry.name);
        }
        if (!entry.provider_id().empty()) {
            return fail(Errc::invalid_argument,
                        "{} is of resource provider {}: there are no resource providers",
                        text_of(entry), entry.provider_id());
        }
    }
    auto resources = TEPUI_TRY(Resources::parse(list));
    if (resources.empty()) return fail(Errc::invalid_argument, "no {} given", what);
    return resources;
}

Result<Entry> read_one(const Resource& resource, std::string_view what) {
    ResourceList list;
    *list.Add() = resource;
    const auto resources = TEPUI_TRY(read_all(list, what));
    return resources.entries().front();
}

// --- RESERVE and UNRESERVE ---

Result<void> judge_reservable(const Resources& resources) {
    for (const Entry& entry : resources.entries()) {
        if (entry.is_persistent_volume()) {
            return fail(Errc::invalid_argument,
                        "{} is a persistent volume, whose reservation cannot be changed: destroy "
                        "the volume first",
                        text_of(entry));
        }
        if (entry.revocable) {
            return fail(Errc::invalid_argument, "{} is revocable and cannot be reserved",
                        text_of(entry));
        }
    }
    return {};
}

Result<void> judge_dynamic(const Resources& resources) {
    for (const Entry& entry : resources.entries()) {
        if (is_dynamic(entry)) continue;
        return fail(Errc::invalid_argument, "{} is not dynamically reserved", text_of(entry));
    }
    return {};
}

/// Without the dynamic reservations: what agents have by their flags.
Entry configured_form(const Entry& entry) {
    Entry plain = entry;
    plain.allocation_role.clear();
    plain.shared = false;
    plain.copies = 1;
    if (!entry.details) return plain;
    EntryDetails details = *entry.details;
    auto& stack = details.reservations;
    while (!stack.empty() && stack.back().type() == Resource::ReservationInfo::DYNAMIC) {
        stack.pop_back();
    }
    if (details.disk) {
        details.disk->clear_persistence();
        details.disk->clear_volume();
        if (!details.disk->has_source()) details.disk.reset();
    }
    plain.details = EntryDetails::make(std::move(details));
    return plain;
}

Resources configured_form(const Resources& resources) {
    std::vector<Entry> entries;
    for (const Entry& entry : resources.entries()) entries.push_back(configured_form(entry));
    return Resources::from_entries(std::move(entries));
}

Result<Conversion> reserve(const Operation::Reserve& reserve) {
    auto converted = TEPUI_TRY(read_all(reserve.resources(), "resources to reserve"));
    TEPUI_CHECK_OK(judge_reservable(converted));
    if (reserve.source().empty()) {
        TEPUI_CHECK_OK(judge_dynamic(converted));
        auto consumed = converted.pop_reservation();
        return Conversion{std::move(consumed), std::move(converted)};
    }
    auto consumed = TEPUI_TRY(read_all(reserve.source(), "source"));
    TEPUI_CHECK_OK(judge_reservable(consumed));
    if (configured_form(consumed) != configured_form(converted)) {
        return fail(Errc::invalid_argument,
                    "the source {} and the resources {} differ in more than dynamic reservations",
                    consumed.to_string(), converted.to_string());
    }
    return Conversion{std::move(consumed), std::move(converted)};
}

Result<Conversion> unreserve(const Operation::Unreserve& unreserve) {
    auto consumed = TEPUI_TRY(read_all(unreserve.resources(), "resources to unreserve"));
    TEPUI_CHECK_OK(judge_reservable(consumed));
    TEPUI_CHECK_OK(judge_dynamic(consumed));
    auto converted = consumed.pop_reservation();
    return Conversion{std::move(consumed), std::move(converted)};
}

// --- Volumes ---

Result<void> judge_path(const std::string& path) {
    if (path.empty()) return fail(Errc::invalid_argument, "its container_path is empty");
    if (path.front() == '/')
        return fail(Errc::invalid_argument, "its container_path '{}' is not relative", path);
    if (path.find('\0') != std::string::npos) {
        return fail(Errc::invalid_argument, "its container_path contains a NUL");
    }
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        if (path.compare(begin, end - begin, "..") == 0) {
            return fail(Errc::invalid_argument, "its container_path '{}' leads out of the sandbox",
                        path);
        }
        begin = end + 1;
    }
    return {};
}

Result<void> judge_volume(const Entry& entry) {
    if (!entry.is_persistent_volume()) {
        return fail(Errc::invalid_argument, "it has no disk.persistence");
    }
    if (!entry.is_reserved()) {
        return fail(Errc::invalid_argument,
                    "its disk is not reserved: reserve it for the role that shall have the volume");
    }
    const Resource::DiskInfo& disk = *entry.disk();
    TEPUI_CHECK_OK(validate_id("persistence id", disk.persistence().id()));
    if (!disk.has_volume()) {
        return fail(Errc::invalid_argument, "it has no disk.volume to say where it appears");
    }
    if (disk.volume().has_host_path()) {
        return fail(Errc::invalid_argument, "its disk.volume has a host_path");
    }
    if (disk.volume().has_image() || disk.volume().has_source()) {
        return fail(Errc::invalid_argument, "its disk.volume has an image or a source");
    }
    if (disk.volume().mode() != mesos::v1::Volume::RW) {
        return fail(Errc::invalid_argument, "its mode is not RW");
    }
    if (disk.has_source() && disk.source().type() != Source::PATH &&
        disk.source().type() != Source::MOUNT) {
        return fail(Errc::invalid_argument,
                    "its disk is of type {}: volumes are made of root, "
                    "PATH and MOUNT disks",
                    Source::Type_Name(disk.source().type()));
    }
    return judge_path(disk.volume().container_path());
}

Result<void> judge_volumes(const Resources& volumes) {
    std::set<std::pair<std::string_view, std::string_view>> ids;
    for (const Entry& entry : volumes.entries()) {
        if (const auto valid = judge_volume(entry); !valid) {
            return fail_with(fmt::format("volume {}", text_of(entry)), valid.error());
        }
        const std::string& id = entry.disk()->persistence().id();
        if (entry.copies > 1 || !ids.emplace(entry.reservation_role(), id).second) {
            return fail(Errc::invalid_argument, "persistence id '{}' is given twice for role '{}'",
                        id, entry.reservation_role());
        }
    }
    return {};
}

Result<Conversion> create(const Operation::Create& create) {
    auto volumes = TEPUI_TRY(read_all(create.volumes(), "volumes to create"));
    TEPUI_CHECK_OK(judge_volumes(volumes));
    auto disks = volumes.without_persistence();
    return Conversion{std::move(disks), std::move(volumes)};
}

Result<Conversion> destroy(const Operation::Destroy& destroy) {
    auto volumes = TEPUI_TRY(read_all(destroy.volumes(), "volumes to destroy"));
    TEPUI_CHECK_OK(judge_volumes(volumes));
    auto disks = volumes.without_persistence();
    return Conversion{std::move(volumes), std::move(disks)};
}

Result<Entry> read_resizable(const Resource& resource) {
    auto volume = TEPUI_TRY(read_one(resource, "volume"));
    if (const auto valid = judge_volume(volume); !valid) {
        return fail_with(fmt::format("volume {}", text_of(volume)), valid.error());
    }
    if (volume.shared) {
        return fail(Errc::invalid_argument, "volume {} is shared and cannot be resized",
                    text_of(volume));
    }
    if (volume.disk()->has_source() && volume.disk()->source().type() == Source::MOUNT) {
        return fail(Errc::invalid_argument,
                    "volume {} takes a whole MOUNT disk and cannot be resized", text_of(volume));
    }
    return volume;
}

/// The volume and as much disk of its kind as there is beside it.
struct VolumeAndDisk {
    Entry volume;
    Quantity beside;

    Resources together() const {
        Entry disk = volume;
        disk.value = beside;
        return Resources::from_entries({volume}) +
               Resources::from_entries({disk}).without_persistence();
    }
};

Conversion resize(const Entry& volume, Quantity disk_before, Quantity size_after) {
    const Quantity all = volume.scalar() + disk_before;
    Entry resized = volume;
    resized.value = size_after;
    return {VolumeAndDisk{volume, disk_before}.together(),
            VolumeAndDisk{resized, all - size_after}.together()};
}

Result<Conversion> grow(const Operation::GrowVolume& grow) {
    const auto volume = TEPUI_TRY(read_resizable(grow.volume()));
    const auto addition = TEPUI_TRY(read_one(grow.addition(), "addition"));
    Entry same_kind = volume;
    same_kind.value = addition.value;
    if (Resources::from_entries({same_kind}).without_persistence() !=
        Resources::from_entries({addition})) {
        return fail(Errc::invalid_argument,
                    "{} cannot be added to volume {}: reservations and source of the disk differ",
                    text_of(addition), text_of(volume));
    }
    return resize(volume, addition.scalar(), volume.scalar() + addition.scalar());
}

Result<Conversion> shrink(const Operation::ShrinkVolume& shrink) {
    const auto volume = TEPUI_TRY(read_resizable(shrink.volume()));
    const double subtract = shrink.subtract().value();
    // Also false for what is no number.
    const bool within = subtract > 0 && subtract < volume.scalar().to_double();
    const Quantity less = within ? Quantity::from_double(subtract) : Quantity{};
    if (less <= Quantity{} || less >= volume.scalar()) {
        return fail(Errc::invalid_argument,
                    "volume {} cannot be shrunk by {}: it must be above 0 and less than the volume",
                    text_of(volume), subtract);
    }
    return resize(volume, Quantity{}, volume.scalar() - less);
}

}  // namespace

Result<Conversion> conversion_of(const Operation& operation) {
    const auto& name = Operation::Type_Name(operation.type());
    switch (operation.type()) {
        case Operation::RESERVE:
            if (operation.has_reserve()) return reserve(operation.reserve());
            break;
        case Operation::UNRESERVE:
            if (operation.has_unreserve()) return unreserve(operation.unreserve());
            break;
        case Operation::CREATE:
            if (operation.has_create()) return create(operation.create());
            break;
        case Operation::DESTROY:
            if (operation.has_destroy()) return destroy(operation.destroy());
            break;
        case Operation::GROW_VOLUME:
            if (operation.has_grow_volume()) return grow(operation.grow_volume());
            break;
        case Operation::SHRINK_VOLUME:
            if (operation.has_shrink_volume()) return shrink(operation.shrink_volume());
            break;
        case Operation::CREATE_DISK:
        case Operation::DESTROY_DISK:
            return fail(Errc::invalid_argument,
                        "{} needs disk of a resource provider: there are no resource providers",
                        name);
        default: return fail(Errc::invalid_argument, "{} converts no resources", name);
    }
    return fail(Errc::invalid_argument, "the operation is of type {} but has no such field", name);
}

Result<Resources> convert(const Resources& resources, const Conversion& conversion) {
    if (!resources.contains(conversion.consumed)) {
        return fail(Errc::conflict, "{} does not contain {}", resources.to_string(),
                    conversion.consumed.to_string());
    }
    return resources - conversion.consumed + conversion.converted;
}

Resources checkpointed_part(const Resources& total) {
    return total
        .filter([](const Entry& entry) {
            return !entry.revocable && (is_dynamic(entry) || entry.is_persistent_volume());
        })
        .unallocated();
}

Result<Resources> with_checkpointed(const Resources& configured, const Resources& checkpointed) {
    const Resources taken = configured_form(checkpointed);
    if (!configured.contains(taken)) {
        return fail(Errc::conflict, "the agent's resources {} do not contain what is reserved: {}",
                    configured.to_string(), checkpointed.to_string());
    }
    return configured - taken + checkpointed.unallocated();
}

}  // namespace tepui
