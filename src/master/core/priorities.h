#pragma once

#include "base/result.h"
#include "master/core/registry_codec.h"
#include "master/core/turn.h"

// Priority bands of top-level roles, which those below them share; 0 unless set, higher ones come
// first. In the registry, one key a role. What follows when one starves is in preemption.h.
namespace tepui::master {

/// Of a top-level role.
std::int32_t band_of(const State& state, const std::string& top);

void recover_priorities(Turn& turn, const Registry& registry);

/// All or none; 0 takes a band away. Answered when it is stored, at once when there is nothing to
/// store; invalid_argument for a bad role, one below another, or one that is not among --roles.
void on_requested(Turn& turn, const PrioritiesUpdateRequested& requested);

/// The bands count from here on: for the next offers, and for who makes room for whom. Offers that
/// are out stay.
void on_priorities_stored(Turn& turn, const PrioritiesStored& stored);

}  // namespace tepui::master
