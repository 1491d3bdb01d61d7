#include "sim/sharing_oracle.h"

#include <algorithm>

#include <fmt/format.h>

#include "master/core/machines.h"
#include "resources/entry.h"

namespace tepui::sim {
namespace {

std::string top_of(std::string_view role) { return std::string(role.substr(0, role.find('/'))); }

Quantity amount(const Quantities& amounts, const std::string& name) {
    const auto it = amounts.find(name);
    return it == amounts.end() ? Quantity{} : it->second;
}

/// What quotas are about: neither reserved nor revocable, and counted.
bool is_plain(const Resources::Entry& entry) {
    return entry.is_scalar() && !entry.is_reserved() && !entry.revocable;
}

}  // namespace

void SharingOracle::begin() {
    whitelist_.reset();
    seen_.clear();
}

void SharingOracle::note_dismissals(const master::State& state) {
    for (const auto& [id, since] : state.gone_agents) truth_.dismissed(id);
    for (const AgentId& id : state.removed_agents) truth_.dismissed(id);
}

void SharingOracle::check(const master::State& state) {
    check_dismissals(state);
    std::set<OfferId> offers;
    std::optional<Books> books;
    for (const auto& [id, offer] : state.offers) {
        offers.insert(id);
        if (seen_.contains(id)) continue;
        const master::Agent& agent = state.agents.at(offer.agent);
        if (!is_offered(agent))
            truth_.breach(fmt::format("I8: {} is offered, but it is {}", agent.info->hostname(),
                                      agent.active() ? "not on the whitelist" : "not in use"));
        if (!books) books = books_of(state);
        check_limits(state, *books, offer);
        check_headroom(state, *books, offer);
    }
    seen_ = std::move(offers);
}

/// Who is gone, or on a machine that is down, is not there.
void SharingOracle::check_dismissals(const master::State& state) {
    for (const auto& [id, since] : state.gone_agents) {
        if (state.agents.contains(id)) truth_.breach(fmt::format("I8: {} is gone and in use", id));
    }
    for (const auto& [id, agent] : state.agents) {
        const auto* machine =
            master::find_machine(state.machines, agent.info->hostname(), agent.ip);
        if (machine == nullptr || machine->mode != mesos::v1::MachineInfo::DOWN || agent.removing)
            continue;
        truth_.breach(fmt::format("I8: {} stays in use though its machine is down", id));
    }
}

bool SharingOracle::is_offered(const master::Agent& agent) const {
    return agent.active() && (!whitelist_ || whitelist_->contains(agent.info->hostname()));
}

SharingOracle::Books SharingOracle::books_of(const master::State& state) const {
    Books books;
    for (const auto& [id, agent] : state.agents) {
        const bool offered = is_offered(agent);
        for (const Resources::Entry& entry : agent.total.entries()) {
            if (!entry.is_scalar() || entry.revocable) continue;
            if (entry.is_reserved()) {
                books.consumed[top_of(entry.reservation_role())][entry.name] += entry.scalar();
            } else if (offered) {
                books.free[entry.name] += entry.scalar();
            }
        }
        for (const auto* held : {&agent.offered, &agent.used}) {
            for (const auto& [framework, resources] : *held) {
                for (const Resources::Entry& entry : resources.entries()) {
                    if (!is_plain(entry)) continue;
                    books.consumed[top_of(entry.allocation_role)][entry.name] += entry.scalar();
                    if (offered) books.free[entry.name] -= entry.scalar();
                }
            }
        }
    }
    return books;
}

/// What a role holds after an offer is within its limit, whatever it held before.
void SharingOracle::check_limits(const master::State& state, const Books& books,
                                 const master::Offer& offer) {
    const std::string role = top_of(offer.role);
    const auto quota = state.quotas.find(role);
    if (quota == state.quotas.end()) return;
    for (const Resources::Entry& entry : offer.resources.entries()) {
        const auto limit = quota->second.limits.find(entry.name);
        if (!is_plain(entry) || limit == quota->second.limits.end()) continue;
        const Quantity has = amount(books.consumed.at(role), entry.name);
        if (has <= limit->second) continue;
        truth_.breach(
            fmt::format("I8: role {} was offered {} and has {} m{} by it; its limit is {}", role,
                        offer.resources.to_string(), has.milli, entry.name, limit->second.milli));
    }
}

/// Whoever has all that is guaranteed to it was left more only as far as the guarantees of others
/// can still be met.
void SharingOracle::check_headroom(const master::State& state, const Books& books,
                                   const master::Offer& offer) {
    const std::string role = top_of(offer.role);
    const auto lack = [&](const std::string& of, const std::string& name) {
        const auto quota = state.quotas.find(of);
        const auto consumed = books.consumed.find(of);
        if (quota == state.quotas.end()) return Quantity{};
        const Quantity has =
            consumed == books.consumed.end() ? Quantity{} : amount(consumed->second, name);
        return std::max(Quantity{}, amount(quota->second.guarantees, name) - has);
    };
    for (const Resources::Entry& entry : offer.resources.entries()) {
        if (!is_plain(entry)) continue;
        // Just what was guaranteed to it.
        const auto own = state.quotas.find(role);
        if (own != state.quotas.end() && amount(books.consumed.at(role), entry.name) <=
                                             amount(own->second.guarantees, entry.name))
            continue;
        Quantity required;
        for (const auto& [other, quota] : state.quotas) required += lack(other, entry.name);
        const Quantity free = amount(books.free, entry.name);
        if (required == Quantity{} || free >= required) continue;
        truth_.breach(
            fmt::format("I8: role {} was offered {}, which leaves {} m{} where {} are "
                        "guaranteed to others",
                        role, offer.resources.to_string(), free.milli, entry.name, required.milli));
    }
}

}  // namespace tepui::sim
