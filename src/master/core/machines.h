#pragma once

#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "master/core/state.h"

// Machines as the maintenance schedule names them: pure lookups and judgements.
namespace tepui::master {

MachineKey machine_key(const mesos::v1::MachineID& id);

/// "node1 (10.0.0.1)", for texts.
std::string machine_text(const mesos::v1::MachineID& id);

/// The machine of the schedule that an agent is on: one that names both its hostname and its ip
/// before one that names the hostname, and that before one that names the ip only. Null: none.
const Machine* find_machine(const std::map<MachineKey, Machine>& machines,
                            const std::string& hostname, const std::string& ip);

/// Each has a hostname or an ip, or both, and none is there twice. Fails with invalid_argument.
Result<void> validate_machines(std::span<const mesos::v1::MachineID> machines);

/// Each machine is in one window, each window has one, and no time is negative; the machines that
/// are `down` have to stay listed. Fails with invalid_argument.
Result<void> validate_schedule(const mesos::v1::maintenance::Schedule& schedule,
                               std::span<const mesos::v1::MachineID> down);

/// The machines of a schedule, in its order.
std::vector<mesos::v1::MachineID> machines_of(const mesos::v1::maintenance::Schedule& schedule);

}  // namespace tepui::master
