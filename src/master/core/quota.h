#pragma once

#include <map>
#include <string>

#include "master/core/quota_config.h"
#include "master/core/registry_codec.h"
#include "master/core/turn.h"

// Quota of top-level roles: what is kept for a role and those below it, and the most that they may
// hold. In the registry, one key a role. The allocator keeps it from the moment it is stored; no
// task ends for it.
namespace tepui::master {

/// What counts against a top-level role's quota: its reservations, allocated or not, and what it
/// has besides, both with the roles below it. Scalars that are not revocable.
struct RoleHolding {
    Quantities consumed;  // Without offers: what is shown, and judged.
    Quantities held;      // With them.
};

/// By top-level role; O(agents).
std::map<std::string, RoleHolding> role_holdings(const State& state);

void recover_quotas(Turn& turn, const Registry& registry);

/// All or none. Answered when it is stored; at once when there is nothing to store. Fails with
/// invalid_argument for a bad config, and without `force` for limits below what a role consumes;
/// for guarantees above what the cluster has the same, or conflict if the call is one of the older
/// ones.
void on_requested(Turn& turn, const QuotaUpdateRequested& requested);

/// The quotas count from here on. Offers that a lower limit forbids are rescinded, and so many as a
/// higher guarantee takes.
void on_quotas_stored(Turn& turn, const QuotasStored& stored);

}  // namespace tepui::master
