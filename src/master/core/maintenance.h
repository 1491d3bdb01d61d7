#pragma once

#include <string>

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

// Planned maintenance: a schedule of windows in which machines are unavailable. Offers of agents on
// a machine of the schedule tell of it, frameworks that hold something there are asked to leave
// (inverse_offers.h). A machine that is taken down loses its agents, and no agent on it is let in
// until it is brought up, which also takes it out of the schedule.
namespace tepui::master {

void recover_maintenance(Turn& turn, const Registry& registry);

/// UPDATE_MAINTENANCE_SCHEDULE: replaces the whole schedule; answered when stored. Fails with
/// invalid_argument for a bad schedule, or one that leaves out a machine that is down.
void on_requested(Turn& turn, const MaintenanceScheduleRequested& requested);

/// START_MAINTENANCE and STOP_MAINTENANCE: answered when stored. Fails with invalid_argument for a
/// machine that is not in the schedule, or is down already or not down.
void on_requested(Turn& turn, const MachinesRequested& requested);

/// Offers on machines whose unavailability changed are rescinded, and the agents on machines that
/// went down are removed: all their tasks are lost.
void on_maintenance_stored(Turn& turn, const MaintenanceStored& stored);

/// An agent registered, perhaps from another address than before: what is planned for its machine
/// holds for it.
void place_on_machine(Turn& turn, Agent& agent);

/// Why an agent of that hostname and ip may not register now; nothing when it may.
std::optional<std::string> machine_obstacle(const State& state, const std::string& hostname,
                                            const std::string& ip);

}  // namespace tepui::master
