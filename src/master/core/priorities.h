#pragma once

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

namespace tepui::master {

void recover_priorities(Turn& turn, const Registry& registry);
void on_requested(Turn& turn, const PrioritiesUpdateRequested& requested);
void on_priorities_stored(Turn& turn, const PrioritiesStored& stored);

}  // namespace tepui::master
