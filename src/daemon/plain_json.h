#pragma once

#include <map>
#include <string>

#include "mesos/v1/mesos.pb.h"
#include "wire/json_writer.h"

// Answers that every daemon gives alike under the endpoints from before v1.
namespace tepui::daemon {

/// The members of a version, into an object that is open.
void write_version(wire::JsonWriter& json, const mesos::v1::VersionInfo& version);
/// {"NAME":"value",…}
void write_flags(wire::JsonWriter& json, const std::map<std::string, std::string>& flags);

/// The body of /version.
std::string version_json(const mesos::v1::VersionInfo& version);
/// The body of /flags: {"flags":{…}}.
std::string flags_json(const std::map<std::string, std::string>& flags);
/// The body of /metrics/snapshot: {"NAME":number,…}.
std::string metrics_json(const std::map<std::string, double>& metrics);

}  // namespace tepui::daemon
