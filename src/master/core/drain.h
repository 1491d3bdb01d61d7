#pragma once

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

namespace tepui::master {

void on_requested(Turn& turn, const DrainRequested& requested);
void on_drain_stored(Turn& turn, const DrainStored& stored);

}  // namespace tepui::master
