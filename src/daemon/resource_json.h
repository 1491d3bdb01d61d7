#pragma once

#include "resources/attributes.h"
#include "resources/resources.h"
#include "wire/json_writer.h"

// Resources as the endpoints from before v1 show them.
namespace tepui::daemon {

/// {"cpus":…,"disk":…,"gpus":…,"mem":…,"ports":"[1-2]"}: those four always; other scalars summed by
/// name; ranges and sets as text; revocable amounts under "NAME_revocable".
void write_resources(wire::JsonWriter& json, const Resources& resources);
/// The same of a message's resources; as if there were none when they can't be read.
void write_resources(wire::JsonWriter& json, const ResourceList& resources);
/// {"ROLE":resources,…} of what is reserved.
void write_reserved(wire::JsonWriter& json, const Resources& resources);

/// Every resource whole, with both forms of a reservation.
void write_full_resources(wire::JsonWriter& json, const Resources& resources);
/// {"ROLE":[resource,…],…} of what is reserved.
void write_full_reserved(wire::JsonWriter& json, const Resources& resources);

/// {"rack":"r1","ssd":1.0}; the last of a name wins.
void write_attributes(wire::JsonWriter& json, const AttributeList& attributes);
/// A number; as text when JSON has none for it ("Infinity").
void write_number(wire::JsonWriter& json, double number);

/// The role in the first allocation_info, or "*".
const std::string& allocation_role(const ResourceList& resources);

}  // namespace tepui::daemon
