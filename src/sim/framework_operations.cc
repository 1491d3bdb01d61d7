#include <fmt/format.h>

#include "sim/framework_node.h"

// How a framework of the simulation reserves disk, makes volumes of it, uses and destroys them.
namespace tepui::sim {
namespace {

using mesos::v1::Resource;
using mesos::v1::scheduler::Call;
using Operation = mesos::v1::Offer::Operation;

constexpr double volume_mb = 64;

/// The first of the offer's disks that is as asked for; null when there is none.
const Resource* find_disk(const mesos::v1::Offer& offer, bool reserved, bool volume) {
    for (const Resource& resource : offer.resources()) {
        if (resource.name() != "disk" || resource.scalar().value() < volume_mb) continue;
        if ((resource.reservations_size() > 0) != reserved) continue;
        if (resource.disk().has_persistence() == volume) return &resource;
    }
    return nullptr;
}

}  // namespace

Operation& FrameworkNode::add_operation(Call::Accept& accept, Operation::Type type) {
    Operation& operation = *accept.add_operations();
    operation.set_type(type);
    // Without an id the master has to acknowledge.
    if (timeline_.chance(0.7)) {
        operation.mutable_id()->set_value(fmt::format("{}-o{}", name_, next_operation_++));
    }
    return operation;
}

std::optional<Resource> FrameworkNode::add_operations(const mesos::v1::Offer& offer,
                                                      Call::Accept& accept) {
    if (!timeline_.chance(scenario_.operation_share)) return std::nullopt;
    if (const Resource* volume = find_disk(offer, true, true)) {
        if (timeline_.chance(0.5)) return *volume;
        *add_operation(accept, Operation::DESTROY).mutable_destroy()->add_volumes() = *volume;
        return std::nullopt;
    }
    Resource disk;
    if (const Resource* reserved = find_disk(offer, true, false)) {
        disk = *reserved;
        if (timeline_.chance(0.4)) {
            *add_operation(accept, Operation::UNRESERVE).mutable_unreserve()->add_resources() =
                disk;
            return std::nullopt;
        }
    } else if (const Resource* free = find_disk(offer, false, false)) {
        disk = *free;
        disk.mutable_scalar()->set_value(volume_mb);
        auto& reservation = *disk.add_reservations();
        reservation.set_type(Resource::ReservationInfo::DYNAMIC);
        reservation.set_role(offer.allocation_info().role());
        *add_operation(accept, Operation::RESERVE).mutable_reserve()->add_resources() = disk;
        if (timeline_.chance(0.3)) return std::nullopt;
    } else {
        return std::nullopt;
    }
    disk.mutable_disk()->mutable_persistence()->set_id(
        fmt::format("{}-v{}", name_, next_operation_++));
    disk.mutable_disk()->mutable_volume()->set_container_path("data");
    disk.mutable_disk()->mutable_volume()->set_mode(mesos::v1::Volume::RW);
    *add_operation(accept, Operation::CREATE).mutable_create()->add_volumes() = disk;
    return disk;
}

void FrameworkNode::on_operation_status(const mesos::v1::OperationStatus& status) {
    const std::string& id = status.operation_id().value();
    if (!id.starts_with(name_ + "-o"))
        truth_.breach(fmt::format("I3: {} was told of operation '{}'", name_, id));
    if (!status.has_uuid()) return;
    Call call_acknowledge;
    call_acknowledge.set_type(Call::ACKNOWLEDGE_OPERATION_STATUS);
    auto& acknowledge = *call_acknowledge.mutable_acknowledge_operation_status();
    *acknowledge.mutable_agent_id() = status.agent_id();
    *acknowledge.mutable_operation_id() = status.operation_id();
    acknowledge.set_uuid(status.uuid().value());
    timeline_.after(timeline_.between(0ms, 20ms), [this, life = life_, call_acknowledge] {
        if (life == life_) call(call_acknowledge);
    });
}

}  // namespace tepui::sim
