#include "master/core/operation_validation.h"

#include <algorithm>

#include "resources/entry.h"

namespace tepui::master {

namespace {

using Operation = mesos::v1::Offer::Operation;
using Capability = mesos::v1::FrameworkInfo::Capability;
using Entry = Resources::Entry;

void complete(ResourceList& resources, const std::string& role) {
    to_reservations_format(resources);
    for (mesos::v1::Resource& resource : resources) {
        if (role.empty()) {
            resource.clear_allocation_info();
        } else if (!resource.has_allocation_info()) {
            resource.mutable_allocation_info()->set_role(role);
        }
    }
}

void complete(mesos::v1::Resource& resource, const std::string& role) {
    ResourceList list;
    list.Add()->Swap(&resource);
    complete(list, role);
    resource.Swap(list.Mutable(0));
}

std::string text_of(const Entry& entry) { return Resources::from_entries({entry}).to_string(); }

Result<void> judge_principal(const Requester& requester, bool has, const std::string& told,
                             std::string_view what, const Entry& entry) {
    if (!requester.principal || (has && told == *requester.principal)) return {};
    return fail(Errc::invalid_argument,
                "principal '{}' asks, but the {} of {} {}: it has to be the one who asks",
                *requester.principal, what, text_of(entry),
                has ? fmt::format("says principal '{}'", told) : "has no principal");
}

// An agent of an older release would leave out what it does not know, and nobody would notice.
Result<void> judge_agent(const Agent& agent, Operation::Type type) {
    const bool resize = type == Operation::GROW_VOLUME || type == Operation::SHRINK_VOLUME;
    for (const char* needed : {"AGENT_OPERATION_FEEDBACK", resize ? "RESIZE_VOLUME" : ""}) {
        if (*needed == '\0' ||
            std::ranges::find(agent.capabilities, needed) != agent.capabilities.end())
            continue;
        return fail(Errc::invalid_argument,
                    "agent {} does not have the capability {} that {} needs: upgrade the agent",
                    agent.id, needed, Operation::Type_Name(type));
    }
    return {};
}

Result<void> judge_reserve(const Operation::Reserve& reserve, const Conversion& conversion,
                           const Requester& requester) {
    if (requester.framework != nullptr && !reserve.source().empty()) {
        return fail(Errc::invalid_argument,
                    "'source' is for operators only: use UNRESERVE and RESERVE");
    }
    for (const Entry& entry : conversion.converted.entries()) {
        if (!entry.is_reserved()) continue;
        const auto& reservation = entry.details->reservations.back();
        // An operator may give static reservations back to where they were.
        if (reservation.type() != mesos::v1::Resource::ReservationInfo::DYNAMIC) continue;
        TEPUI_CHECK_OK(judge_principal(requester, reservation.has_principal(),
                                       reservation.principal(), "reservation", entry));
        if (requester.framework != nullptr && !role_is_within(reservation.role(), requester.role)) {
            return fail(Errc::invalid_argument,
                        "{} is for role '{}', but what was offered to role '{}' can be reserved "
                        "for that role and roles below it only",
                        text_of(entry), reservation.role(), requester.role);
        }
    }
    return {};
}

bool same_volume(const Entry& a, const Entry& b) {
    return a.is_persistent_volume() && b.is_persistent_volume() &&
           a.reservation_role() == b.reservation_role() &&
           a.disk()->persistence().id() == b.disk()->persistence().id();
}

bool has_volume(const Resources& resources, const Entry& volume) {
    return std::ranges::any_of(resources.entries(),
                               [&](const Entry& entry) { return same_volume(entry, volume); });
}

Result<void> judge_create(const Agent& agent, const Conversion& conversion,
                          const Requester& requester) {
    for (const Entry& entry : conversion.converted.entries()) {
        const auto& persistence = entry.disk()->persistence();
        TEPUI_CHECK_OK(judge_principal(requester, persistence.has_principal(),
                                       persistence.principal(), "persistence", entry));
        if (entry.shared && requester.framework != nullptr &&
            !requester.framework->has_capability(Capability::SHARED_RESOURCES)) {
            return fail(Errc::invalid_argument,
                        "volume {} is shared, which needs the framework capability "
                        "SHARED_RESOURCES",
                        text_of(entry));
        }
        if (has_volume(agent.total, entry)) {
            return fail(Errc::invalid_argument,
                        "persistence id '{}' is in use for role '{}' on agent {}", persistence.id(),
                        entry.reservation_role(), agent.id);
        }
    }
    return {};
}

Result<void> judge_destroy(const Agent& agent, const Conversion& conversion) {
    for (const Entry& entry : conversion.consumed.entries()) {
        if (!agent.total.contains(Resources::from_entries({entry}).unallocated())) {
            return fail(Errc::invalid_argument, "agent {} has no volume {}", agent.id,
                        text_of(entry));
        }
        for (const auto& [framework, used] : agent.used) {
            if (!has_volume(used, entry)) continue;
            return fail(Errc::invalid_argument,
                        "volume {} is in use by a task of framework {}: end it first",
                        text_of(entry), framework);
        }
    }
    return {};
}

}  // namespace

void complete_operation(Operation& operation, const std::string& role) {
    switch (operation.type()) {
        case Operation::RESERVE:
            complete(*operation.mutable_reserve()->mutable_source(), role);
            complete(*operation.mutable_reserve()->mutable_resources(), role);
            return;
        case Operation::UNRESERVE:
            return complete(*operation.mutable_unreserve()->mutable_resources(), role);
        case Operation::CREATE:
            return complete(*operation.mutable_create()->mutable_volumes(), role);
        case Operation::DESTROY:
            return complete(*operation.mutable_destroy()->mutable_volumes(), role);
        case Operation::GROW_VOLUME:
            complete(*operation.mutable_grow_volume()->mutable_volume(), role);
            return complete(*operation.mutable_grow_volume()->mutable_addition(), role);
        case Operation::SHRINK_VOLUME:
            return complete(*operation.mutable_shrink_volume()->mutable_volume(), role);
        default: return;
    }
}

Result<Conversion> judge_operation(const Agent& agent, const Operation& operation,
                                   const Requester& requester) {
    auto conversion = TEPUI_TRY(conversion_of(operation));
    TEPUI_CHECK_OK(judge_agent(agent, operation.type()));
    switch (operation.type()) {
        case Operation::RESERVE:
            TEPUI_CHECK_OK(judge_reserve(operation.reserve(), conversion, requester));
            break;
        case Operation::CREATE: TEPUI_CHECK_OK(judge_create(agent, conversion, requester)); break;
        case Operation::DESTROY: TEPUI_CHECK_OK(judge_destroy(agent, conversion)); break;
        default: break;
    }
    return conversion;
}

Conversion unallocated(const Conversion& conversion) {
    return {conversion.consumed.unallocated(), conversion.converted.unallocated()};
}

}  // namespace tepui::master
