#pragma once

#include <string>

#include "master/snapshot/snapshot.h"

// What a snapshot has to say of planned maintenance.
namespace tepui::master {

/// The schedule and the machines' status, with the answers of frameworks.
MaintenanceView maintenance_view(const State& state);

mesos::v1::master::Response get_maintenance_schedule(const Snapshot& snapshot);
mesos::v1::master::Response get_maintenance_status(const Snapshot& snapshot);

/// The bodies of /maintenance/schedule and /maintenance/status.
std::string render_maintenance_schedule(const Snapshot& snapshot);
std::string render_maintenance_status(const Snapshot& snapshot);

}  // namespace tepui::master
