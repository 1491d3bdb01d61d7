#pragma once

#include "base/result.h"
#include "containerizer/launch_plan.h"

namespace tepui::containerizer {

/// How a task's own variables set the rotation of its logs:
///   CONTAINER_LOGGER_MAX_STDOUT_SIZE=5MB  before stdout is rotated; at least 4 KB,
///   CONTAINER_LOGGER_LOGROTATE_STDOUT_OPTIONS=rotate 9  how many old files are kept,
/// and the same with STDERR. Source of the names: Apache Mesos, module LogrotateContainerLogger.
/// Fails on a value that it does not understand, and names the variable.
Result<void> override_log_limits(const mesos::v1::CommandInfo& command, LaunchPlan& plan);

}  // namespace tepui::containerizer
