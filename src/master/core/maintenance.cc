#include "master/core/maintenance.h"

namespace tepui::master {

void recover_maintenance(Turn&, const Registry&) {}

void on_requested(Turn&, const MaintenanceScheduleRequested&) {}

void on_requested(Turn&, const MachinesRequested&) {}

void on_maintenance_stored(Turn&, const MaintenanceStored&) {}

}  // namespace tepui::master
