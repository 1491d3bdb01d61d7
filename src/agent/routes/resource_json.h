#pragma once

#include "resources/resources.h"
#include "wire/json_writer.h"

namespace tepui::agent {

// Resources as the endpoints from before v1 show them (state-json.md, building blocks).

/// {"disk":..,"mem":..,"gpus":..,"cpus":..,"ports":"[1-2]"}; what is revocable under "NAME_revocable".
void write_resources(wire::JsonWriter& json, const Resources& resources);
/// {"ROLE": resources, ...} of what is reserved.
void write_reserved(wire::JsonWriter& json, const Resources& resources);
/// [Resource, ...] with both forms of a reservation.
void write_full(wire::JsonWriter& json, const Resources& resources);
/// {"ROLE": [Resource, ...], ...} of what is reserved.
void write_reserved_full(wire::JsonWriter& json, const Resources& resources);
/// {"rack":"r1","ssd":1.0}.
void write_attributes(wire::JsonWriter& json,
                      const google::protobuf::RepeatedPtrField<mesos::v1::Attribute>& attributes);

/// The resources of a message; empty when they can't be read.
Resources read_resources(const ResourceList& list);

}  // namespace tepui::agent
