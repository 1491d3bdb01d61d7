#pragma once

#include "mesos/v1/mesos.pb.h"
#include "wire/json_writer.h"

// Tasks as the endpoints from before v1 show them.
namespace tepui::daemon {

void write_task(wire::JsonWriter& json, const mesos::v1::Task& task);
/// [{"key":…,"value":…}]
void write_labels(wire::JsonWriter& json, const mesos::v1::Labels& labels);

}  // namespace tepui::daemon
