#pragma once

#include <string>

#include "base/result.h"
#include "containerizer/launch_plan.h"

namespace tepui::containerizer::oci {

/// A file beneath LaunchPlan::bundle: what the runtime has to say.
inline constexpr const char* k_log_name = "log";

/// The text of config.json for a container that has a root (plan.root). Pure. `cgroups_path`:
/// absolute from the mount points of the hierarchies; limits are not in it, as they are set on the
/// cgroup before. /dev is always a tmpfs of its own with the standard nodes: whatever an image
/// has there is never looked at. Nothing of the host's devices is allowed but the standard ones and
/// plan.devices. Source: OCI runtime specification 1.0.2; masked and read-only paths as in Docker.
Result<std::string> make_config(const LaunchPlan& plan, const std::string& cgroups_path);

/// What a container may have that asks for nothing: Docker's default capabilities, as a mask.
std::uint64_t default_capabilities();

/// What the shim is told of such a container: only what it does itself, and what probes need.
LaunchPlan plan_for_shim(LaunchPlan plan);

/// What the runtime said when it could not make the container of `bundle`; empty: nothing.
std::string failure_message(const std::string& bundle);
/// The message of the last error in the runtime's log, which has an object of JSON a line.
std::string last_error(std::string_view log);

}  // namespace tepui::containerizer::oci
