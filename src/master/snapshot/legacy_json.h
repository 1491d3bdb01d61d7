#pragma once

#include <string>

#include "mesos/v1/mesos.pb.h"
#include "resources/resources.h"
#include "wire/json_writer.h"

// The building blocks of the endpoints from before the v1 API (/state, /slaves, /tasks, ...):
// objects written by hand, in the names of v0. Shapes: Mesos' src/common/http.cpp and recordings of
// a real master (api/golden).
namespace tepui::master {

/// {name: amount}, for /roles; ranges count as the number of their values.
void write_quantities(wire::JsonWriter& json, const Quantities& quantities);

void write_command(wire::JsonWriter& json, const mesos::v1::CommandInfo& command);

void write_offer(wire::JsonWriter& json, const mesos::v1::Offer& offer);
/// An executor of a framework in /state, with the agent it is on.
void write_executor(wire::JsonWriter& json, const mesos::v1::ExecutorInfo& executor,
                    const std::string& agent_id);

}  // namespace tepui::master
