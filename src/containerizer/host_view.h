#pragma once

#include "base/result.h"
#include "containerizer/containerizer.h"
#include "containerizer/launch_plan.h"

namespace tepui::containerizer {

/// Adds to `plan` the namespaces and resource limits that `isolation` gives to what `spec` asks
/// for. `may_isolate`: whether this process can make namespaces. `parent_socket`: of the shim of
/// the container that this one is nested in; empty: none. Fails with unsupported on what no enabled
/// isolator does, naming it, and with invalid_argument on limits that make no sense.
Result<void> plan_view(const LaunchSpec& spec, const Isolation& isolation,
                       const SecurityOptions& security, bool may_isolate,
                       const std::string& parent_socket, LaunchPlan& plan);

/// Refuses what `info` asks for and no isolator of `names` gives, by a text that names it.
Result<void> check_linux_info(const mesos::v1::LinuxInfo& info,
                              const std::vector<std::string>& names);

}  // namespace tepui::containerizer
