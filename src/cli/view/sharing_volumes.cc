#include <fmt/core.h>

#include "cli/view/sharing.h"
#include "cli/view/text.h"
#include "resources/entry.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;
using Resource = mesos::v1::Resource;

std::string host_of(const AgentAnswer& agent) { return agent.agent_info().hostname(); }

Result<Resource> find_volume(const AgentAnswer& agent, const std::string& id) {
    const Resources total = TEPUI_TRY(Resources::parse(agent.total_resources()));
    const Resources volumes = total.filter([&](const Resources::Entry& entry) {
        return entry.is_persistent_volume() && entry.disk()->persistence().id() == id;
    });
    if (volumes.empty()) {
        return fail(Errc::not_found, "agent {} has no volume '{}'", host_of(agent), id);
    }
    if (volumes.size() > 1) {
        return fail(Errc::conflict, "agent {} has volumes '{}' of several roles", host_of(agent),
                    id);
    }
    Resource volume;
    write_entry(volumes.entries().front(), volume);
    return volume;
}

// Plain disk of the volume's kind and reservation, with at least that much.
Result<Resource> find_disk(const AgentAnswer& agent, const std::string& role, Quantity megabytes) {
    const Resources total = TEPUI_TRY(Resources::parse(agent.total_resources()));
    for (const Resources::Entry& entry : total.entries()) {
        if (entry.name != "disk" || !entry.is_reserved() || entry.is_persistent_volume()) continue;
        if (entry.reservation_role() != role || entry.revocable) continue;
        if (entry.scalar() < megabytes || (entry.is_indivisible() && entry.scalar() != megabytes)) {
            continue;
        }
        Resource disk;
        write_entry(entry, disk);
        disk.mutable_scalar()->set_value(megabytes.to_double());
        return disk;
    }
    return fail(Errc::conflict, "agent {} has no {} of disk reserved for role '{}'", host_of(agent),
                format_megabytes(megabytes.to_double()), role);
}

}  // namespace

Result<Change> plan_volume(const AgentAnswer& agent, const VolumeWish& wish) {
    for (const Resource& resource : agent.total_resources()) {
        if (resource.disk().persistence().id() == wish.id) {
            return fail(Errc::conflict, "agent {} has a volume '{}' already", host_of(agent),
                        wish.id);
        }
    }
    Resource volume = TEPUI_TRY(find_disk(agent, wish.role, wish.megabytes));
    auto& disk = *volume.mutable_disk();
    disk.mutable_persistence()->set_id(wish.id);
    if (wish.principal) disk.mutable_persistence()->set_principal(*wish.principal);
    disk.mutable_volume()->set_container_path(wish.container_path);
    disk.mutable_volume()->set_mode(mesos::v1::Volume::RW);
    if (wish.shared) volume.mutable_shared();
    Change change;
    change.call.set_type(Call::CREATE_VOLUMES);
    *change.call.mutable_create_volumes()->mutable_agent_id() = agent.agent_info().id();
    *change.call.mutable_create_volumes()->add_volumes() = std::move(volume);
    change.lines.push_back(fmt::format("{}: a volume {} of {} for {}", host_of(agent), wish.id,
                                       format_megabytes(wish.megabytes.to_double()), wish.role));
    return change;
}

Result<Change> plan_volume_removal(const AgentAnswer& agent, const std::string& id) {
    Resource volume = TEPUI_TRY(find_volume(agent, id));
    Change change;
    change.call.set_type(Call::DESTROY_VOLUMES);
    change.lines.push_back(fmt::format("{}: volume {} of {} is destroyed", host_of(agent), id,
                                       format_megabytes(volume.scalar().value())));
    change.warnings.emplace_back("what is in it is deleted");
    *change.call.mutable_destroy_volumes()->mutable_agent_id() = agent.agent_info().id();
    *change.call.mutable_destroy_volumes()->add_volumes() = std::move(volume);
    return change;
}

Result<Change> plan_volume_growth(const AgentAnswer& agent, const std::string& id,
                                  Quantity megabytes) {
    Resource volume = TEPUI_TRY(find_volume(agent, id));
    Resource addition = volume;
    addition.mutable_disk()->clear_persistence();
    addition.mutable_disk()->clear_volume();
    if (!addition.disk().has_source()) addition.clear_disk();
    addition.mutable_scalar()->set_value(megabytes.to_double());
    const Resources total = TEPUI_TRY(Resources::parse(agent.total_resources()));
    if (!total.contains(TEPUI_TRY(Resources::parse(addition)))) {
        return fail(Errc::conflict,
                    "agent {} has no {} more of the disk that volume '{}' is made of",
                    host_of(agent), format_megabytes(megabytes.to_double()), id);
    }
    Change change;
    change.call.set_type(Call::GROW_VOLUME);
    const double before = volume.scalar().value();
    change.lines.push_back(fmt::format("{}: volume {} {} -> {}", host_of(agent), id,
                                       format_megabytes(before),
                                       format_megabytes(before + megabytes.to_double())));
    auto& grow = *change.call.mutable_grow_volume();
    *grow.mutable_agent_id() = agent.agent_info().id();
    *grow.mutable_volume() = std::move(volume);
    *grow.mutable_addition() = std::move(addition);
    return change;
}

Result<Change> plan_volume_shrinkage(const AgentAnswer& agent, const std::string& id,
                                     Quantity megabytes) {
    Resource volume = TEPUI_TRY(find_volume(agent, id));
    const double before = volume.scalar().value();
    if (megabytes.to_double() >= before) {
        return fail(Errc::conflict, "volume '{}' has only {}; to remove it: tepui volume destroy",
                    id, format_megabytes(before));
    }
    Change change;
    change.call.set_type(Call::SHRINK_VOLUME);
    change.lines.push_back(fmt::format("{}: volume {} {} -> {}", host_of(agent), id,
                                       format_megabytes(before),
                                       format_megabytes(before - megabytes.to_double())));
    auto& shrink = *change.call.mutable_shrink_volume();
    *shrink.mutable_agent_id() = agent.agent_info().id();
    *shrink.mutable_volume() = std::move(volume);
    shrink.mutable_subtract()->set_value(megabytes.to_double());
    return change;
}

}  // namespace tepui::cli
