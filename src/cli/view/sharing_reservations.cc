#include <algorithm>

#include <fmt/core.h>

#include "cli/view/sharing.h"
#include "cli/view/text.h"
#include "resources/entry.h"

namespace tepui::cli {

namespace {

using ReservationInfo = mesos::v1::Resource::ReservationInfo;

Result<ReservationInfo> reservation_of(const ReservationWish& wish) {
    TEPUI_CHECK_OK(validate_role(wish.role));
    if (wish.role == "*") {
        return fail(Errc::invalid_argument, "'*' is what is not reserved; name a role");
    }
    ReservationInfo info;
    info.set_type(ReservationInfo::DYNAMIC);
    info.set_role(wish.role);
    if (wish.principal) info.set_principal(*wish.principal);
    for (const std::string& text : wish.labels) {
        const std::size_t equals = text.find('=');
        if (equals == 0) return fail(Errc::invalid_argument, "'{}' is not KEY=VALUE", text);
        auto& label = *info.mutable_labels()->add_labels();
        label.set_key(text.substr(0, equals));
        if (equals != std::string::npos) label.set_value(text.substr(equals + 1));
    }
    return info;
}

Resources without_used(const AgentAnswer& agent, const Resources& total) {
    const auto used = Resources::parse(agent.allocated_resources());
    return used ? total - used->unallocated() : total;
}

// As much of `from` as `amount` asks for, of one kind of resource.
Resources cut(const Resources::Entry& from, const Resources::Entry& amount) {
    Resources::Entry part = from;
    part.value = amount.value;
    return Resources::from_entries({std::move(part)});
}

// What is taken for one resource of a wish: of entries for which `fits` says so, in their order.
template <typename Fits>
Resources gather(const Resources& free, const Resources::Entry& wanted, Fits fits) {
    Resources taken;
    Resources::Entry left = wanted;
    for (const Resources::Entry& entry : free.entries()) {
        if (entry.name != wanted.name || left.empty() || !fits(entry)) continue;
        if (entry.is_scalar() && left.is_scalar()) {
            Resources::Entry part = left;
            part.value = std::min(entry.scalar(), left.scalar());
            taken += cut(entry, part);
            left.value = left.scalar() - part.scalar();
        } else if (Resources::from_entries({entry}).contains(cut(entry, left))) {
            taken += cut(entry, left);
            left.value = Quantity{};
        }
    }
    return left.empty() ? taken : Resources{};
}

bool is_plain(const Resources::Entry& entry) {
    return !entry.revocable && !entry.shared && !entry.is_persistent_volume() &&
           entry.provider_id().empty();
}

// The roles that may give to `role`: those above it, nearest first, then nobody's.
std::vector<std::string> givers_of(const std::string& role) {
    std::vector<std::string> givers;
    for (std::size_t slash = role.rfind('/'); slash != std::string::npos;
         slash = slash == 0 ? std::string::npos : role.rfind('/', slash - 1)) {
        givers.push_back(role.substr(0, slash));
    }
    givers.emplace_back("*");
    return givers;
}

mesos::v1::master::Call call_of(mesos::v1::master::Call::Type type) {
    mesos::v1::master::Call call;
    call.set_type(type);
    return call;
}

std::string host_of(const AgentAnswer& agent) { return agent.agent_info().hostname(); }

}  // namespace

Result<Change> plan_reservation(const AgentAnswer& agent, const ReservationWish& wish) {
    const ReservationInfo info = TEPUI_TRY(reservation_of(wish));
    const Resources total = TEPUI_TRY(Resources::parse(agent.total_resources()));
    const Resources free = without_used(agent, total);
    Change change{call_of(mesos::v1::master::Call::RESERVE_RESOURCES), {}, {}};
    auto& reserve = *change.call.mutable_reserve_resources();
    *reserve.mutable_agent_id() = agent.agent_info().id();
    for (const Resources::Entry& wanted : wish.resources->entries()) {
        Resources taken;
        std::string from;
        for (const std::string& giver : givers_of(wish.role)) {
            taken = gather(free, wanted, [&](const Resources::Entry& entry) {
                return is_plain(entry) && entry.reservation_role() == giver;
            });
            from = giver;
            if (!taken.empty()) break;
        }
        if (taken.empty()) {
            return fail(Errc::conflict,
                        "agent {} has not enough free {} that {} could have; it has {}",
                        host_of(agent), wanted.name, wish.role, free.to_string());
        }
        reserve.mutable_resources()->MergeFrom(taken.push_reservation(info).to_proto());
        change.lines.push_back(fmt::format("{}: {} of {} -> {}", host_of(agent),
                                           resources_text(taken.to_proto()),
                                           from == "*" ? "nobody" : from, wish.role));
    }
    return change;
}

Result<Change> plan_unreservation(const AgentAnswer& agent, const ReservationWish& wish) {
    const Resources total = TEPUI_TRY(Resources::parse(agent.total_resources()));
    const auto is_ours = [&](const Resources::Entry& entry) {
        return entry.is_reserved() && entry.reservation_role() == wish.role &&
               entry.details->reservations.back().type() == ReservationInfo::DYNAMIC &&
               is_plain(entry);
    };
    const Resources ours = total.filter(is_ours);
    if (ours.empty()) {
        const bool volumes = !total.reserved_for(wish.role).persistent_volumes().empty();
        return fail(Errc::not_found, "agent {} has no dynamic reservation for role '{}'{}",
                    host_of(agent), wish.role, volumes ? " besides its volumes" : "");
    }
    Resources given;
    if (!wish.resources) given = ours;
    if (wish.resources) {
        for (const Resources::Entry& wanted : wish.resources->entries()) {
            const Resources part = gather(ours, wanted, is_ours);
            if (part.empty()) {
                return fail(Errc::conflict, "agent {} has less {} than that reserved for {}: {}",
                            host_of(agent), wanted.name, wish.role, ours.to_string());
            }
            given += part;
        }
    }
    Change change{call_of(mesos::v1::master::Call::UNRESERVE_RESOURCES), {}, {}};
    auto& unreserve = *change.call.mutable_unreserve_resources();
    *unreserve.mutable_agent_id() = agent.agent_info().id();
    *unreserve.mutable_resources() = given.to_proto();
    change.lines.push_back(fmt::format("{}: {} of {} -> free", host_of(agent),
                                       resources_text(given.to_proto()), wish.role));
    return change;
}

}  // namespace tepui::cli
