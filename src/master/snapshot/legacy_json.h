#pragma once

#include <string>

#include "mesos/v1/mesos.pb.h"
#include "resources/resources.h"
#include "wire/json_writer.h"

// The building blocks of the endpoints from before the v1 API (/state, /slaves, /tasks, ...):
// objects written by hand, in the names of v0. Shapes: Mesos' src/common/http.cpp and recordings of
// a real master (api/golden).
namespace tepui::master {

/// {"cpus":…,"gpus":…,"mem":…,"disk":…}: those four always; other scalars summed by name; ranges
/// and sets as text; revocable amounts under "<name>_revocable".
void write_resources(wire::JsonWriter& json, const ResourceList& resources);
/// Every resource whole, in the form of endpoints (see endpoint_resource).
void write_full_resources(wire::JsonWriter& json, const Resources& resources);
/// {name: amount}, for /roles; ranges count as the number of their values.
void write_quantities(wire::JsonWriter& json, const Quantities& quantities);

void write_attributes(wire::JsonWriter& json,
                      const google::protobuf::RepeatedPtrField<mesos::v1::Attribute>& attributes);
/// [{"key":…,"value":…}]
void write_labels(wire::JsonWriter& json, const mesos::v1::Labels& labels);
void write_command(wire::JsonWriter& json, const mesos::v1::CommandInfo& command);

void write_task(wire::JsonWriter& json, const mesos::v1::Task& task);
void write_offer(wire::JsonWriter& json, const mesos::v1::Offer& offer);
/// An executor of a framework in /state, with the agent it is on.
void write_executor(wire::JsonWriter& json, const mesos::v1::ExecutorInfo& executor,
                    const std::string& agent_id);

/// A resource as endpoints show it: `role` and, if it is reserved dynamically, `reservation` are
/// set beside `reservations`, as long as it has not more than one reservation.
mesos::v1::Resource endpoint_resource(mesos::v1::Resource resource);
/// The role in the first allocation_info, or "*".
const std::string& allocation_role(const ResourceList& resources);

}  // namespace tepui::master
