#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "master/core/registry_codec.h"
#include "master/core/turn.h"

// Weights of roles: their shares relative to each other, 1 unless set. What operators set is in the
// registry, one key a role; --weights counts as long as the registry holds none.
namespace tepui::master {

/// Role to weight; of two entries for one role the later counts. Fails with invalid_argument,
/// naming the role, unless all roles are valid and all weights finite and above 0.
Result<std::map<std::string, double>> parse_weight_infos(
    const std::vector<mesos::v1::WeightInfo>& infos);

/// At the start: the registry's weights, or those of the configuration when it holds none.
void recover_weights(Turn& turn, const Registry& registry);

/// UPDATE_WEIGHTS: all or none. Answered when it is stored; at once when there is nothing to store.
void on_requested(Turn& turn, const WeightsUpdateRequested& requested);

/// The weights count from here on. If the share of a role in use changes, every outstanding offer
/// is rescinded, of whichever role, and what becomes free is allocated anew.
void on_weights_stored(Turn& turn, const WeightsStored& stored);

}  // namespace tepui::master
