#include "master/core/fuzz_messages_testing.h"
#include "resources/conversion.h"
#include "resources/entry.h"

// Reservations and volumes: who asks for them, and what agents say of them.
namespace tepui::master::testing {

namespace {

using Operation = mesos::v1::Offer::Operation;
using Entry = Resources::Entry;

mesos::v1::Resource wire_form(const Entry& entry) {
    mesos::v1::Resource resource;
    write_entry(entry, resource);
    return resource;
}

}  // namespace

/// Mostly of what there is: some of one entry of it.
Operation FuzzMessages::operation(const Resources& there) {
    static constexpr Operation::Type types[] = {
        Operation::RESERVE, Operation::UNRESERVE,   Operation::CREATE,
        Operation::DESTROY, Operation::GROW_VOLUME, Operation::SHRINK_VOLUME,
        Operation::RESERVE, Operation::CREATE,      Operation::CREATE_DISK};
    Operation operation;
    operation.set_type(in_.of(types));
    if (there.empty() || in_.rarely()) {
        *operation.mutable_reserve()->mutable_resources() = resources();
        twist(operation);
        return operation;
    }
    Entry entry = there.entries()[in_.below(there.size())];
    if (auto* amount = std::get_if<Quantity>(&entry.value); amount && in_.flag()) {
        amount->milli = (amount->milli + 1) / 2;
    }
    const auto list_of = [&](const Entry& made, auto* list) {
        if (!made.empty()) *list->Add() = wire_form(made);
    };
    switch (operation.type()) {
        case Operation::RESERVE: {
            mesos::v1::Resource::ReservationInfo info;
            info.set_type(mesos::v1::Resource::ReservationInfo::DYNAMIC);
            info.set_role(entry.allocation_role.empty() || in_.flag() ? role()
                                                                      : entry.allocation_role);
            auto* reserve = operation.mutable_reserve();
            *reserve->mutable_resources() =
                Resources::from_entries({entry}).push_reservation(info).to_proto();
            if (in_.rarely()) list_of(entry, reserve->mutable_source());
            break;
        }
        case Operation::UNRESERVE:
            list_of(entry, operation.mutable_unreserve()->mutable_resources());
            break;
        case Operation::CREATE: {
            mesos::v1::Resource volume = wire_form(entry);
            volume.mutable_disk()->mutable_persistence()->set_id(name("v"));
            volume.mutable_disk()->mutable_volume()->set_container_path("data");
            volume.mutable_disk()->mutable_volume()->set_mode(mesos::v1::Volume::RW);
            if (in_.flag()) volume.mutable_shared();
            *operation.mutable_create()->add_volumes() = std::move(volume);
            break;
        }
        case Operation::DESTROY:
            list_of(entry, operation.mutable_destroy()->mutable_volumes());
            break;
        case Operation::GROW_VOLUME:
            *operation.mutable_grow_volume()->mutable_volume() = wire_form(entry);
            *operation.mutable_grow_volume()->mutable_addition() =
                wire_form(there.entries()[in_.below(there.size())]);
            break;
        case Operation::SHRINK_VOLUME:
            *operation.mutable_shrink_volume()->mutable_volume() = wire_form(entry);
            operation.mutable_shrink_volume()->mutable_subtract()->set_value(number());
            break;
        default: break;
    }
    twist(operation);
    return operation;
}

Operation FuzzMessages::operation_on(const AgentId& agent) {
    const auto found = world_.state().agents.find(agent);
    return operation(found == world_.state().agents.end() ? Resources{} : found->second.total);
}

void FuzzMessages::fill_operation(Operation& operation, const OfferId& offer) {
    const auto found = world_.state().offers.find(offer);
    const auto id = operation.has_id() ? std::optional{operation.id()} : std::nullopt;
    operation = this->operation(found == world_.state().offers.end() ? Resources{}
                                                                     : found->second.resources);
    if (id) *operation.mutable_id() = *id;
}

void FuzzMessages::fill_operation_update(link::ToMaster& frame, const AgentId& agent) {
    static constexpr mesos::v1::OperationState states[] = {
        mesos::v1::OPERATION_FINISHED, mesos::v1::OPERATION_FAILED, mesos::v1::OPERATION_DROPPED,
        mesos::v1::OPERATION_PENDING, mesos::v1::OPERATION_UNSUPPORTED};
    auto& update = *frame.mutable_operation_update();
    update.mutable_status()->set_state(in_.of(states));
    if (!in_.rarely()) {
        update.mutable_status()->mutable_uuid()->set_value(
            std::string(16, static_cast<char>('a' + in_.below(8))));
    }
    update.set_operation_uuid(std::string(16, 'u'));
    const auto found = world_.state().agents.find(agent);
    if (found == world_.state().agents.end() || found->second.operations.empty()) return;
    const auto which = static_cast<std::ptrdiff_t>(in_.below(found->second.operations.size()));
    update.set_operation_uuid(std::next(found->second.operations.begin(), which)->first);
}

/// What the agent keeps: as the master believes, or more or less than that.
ResourceList FuzzMessages::checkpointed(const AgentId& agent) {
    const auto found = world_.state().agents.find(agent);
    if (found == world_.state().agents.end()) return in_.rarely() ? resources() : ResourceList{};
    Resources kept = checkpointed_part(found->second.total);
    if (!kept.empty() && in_.rarely()) {
        kept -= Resources::from_entries({kept.entries()[in_.below(kept.size())]});
    }
    ResourceList list = kept.to_proto();
    if (in_.rarely()) list.MergeFrom(resources());
    return list;
}

void FuzzMessages::add_reported_operations(link::ReregisterAgent& reregister,
                                           const AgentId& agent) {
    *reregister.mutable_checkpointed_resources() = checkpointed(agent);
    const auto found = world_.state().agents.find(agent);
    if (found != world_.state().agents.end()) {
        for (const auto& [uuid, operation] : found->second.operations) {
            if (!in_.rarely()) *reregister.add_operations() = *operation.info;
        }
    }
    if (!in_.rarely()) return;
    auto& unknown = *reregister.add_operations();
    *unknown.mutable_info() = operation_on(agent);
    unknown.mutable_info()->mutable_id()->set_value(name("o"));
    unknown.mutable_framework_id()->set_value(framework().value);
    unknown.mutable_latest_status()->set_state(mesos::v1::OPERATION_FINISHED);
    unknown.mutable_uuid()->set_value(in_.rarely() ? in_.bytes() : std::string(16, 'r'));
    twist(unknown);
}

}  // namespace tepui::master::testing
