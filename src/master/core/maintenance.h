#pragma once

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

namespace tepui::master {

void recover_maintenance(Turn& turn, const Registry& registry);
void on_requested(Turn& turn, const MaintenanceScheduleRequested& requested);
void on_requested(Turn& turn, const MachinesRequested& requested);
void on_maintenance_stored(Turn& turn, const MaintenanceStored& stored);

}  // namespace tepui::master
