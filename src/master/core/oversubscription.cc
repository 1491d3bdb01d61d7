#include "master/core/oversubscription.h"

#include <algorithm>

#include "master/core/ledger.h"
#include "master/core/offers.h"

namespace tepui::master {
namespace {

Result<Resources> check(const link::OversubscribedResources& said) {
    for (const mesos::v1::Resource& resource : said.resources()) {
        if (!resource.has_revocable())
            return fail(Errc::invalid_argument, "'{}' is not revocable", resource.name());
        if (resource.reservations_size() > 0 || resource.has_reservation() || resource.has_disk() ||
            resource.has_allocation_info() || resource.has_shared())
            return fail(Errc::invalid_argument,
                        "revocable '{}' is reserved, allocated, shared or bound to a disk",
                        resource.name());
    }
    return Resources::parse(said.resources());
}

/// Takes back the offers that hold something revocable: it may be gone.
void rescind_revocable(Turn& turn, Agent& agent) {
    const std::set<OfferId> offers = agent.offers;
    for (const OfferId& id : offers) {
        const auto it = turn.state.offers.find(id);
        if (it == turn.state.offers.end() || it->second.resources.revocable().empty()) continue;
        remove_offer(turn, id, /*rescind=*/true);
    }
}

}  // namespace

void on_oversubscribed(Turn& turn, Agent& agent, const link::OversubscribedResources& said) {
    Result<Resources> total = check(said);
    if (!total) {
        turn.log(Severity::warning, "Ignoring the oversubscribed resources of agent {}: {}",
                 agent.id, total.error().text);
        return;
    }
    if (*total == agent.oversubscribed) return;
    rescind_revocable(turn, agent);
    agent.oversubscribed = *total;
    set_total(turn, agent, agent.total.nonrevocable() + *total);
    turn.changed(agent.id);
}

}  // namespace tepui::master
