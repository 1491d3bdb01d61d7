#pragma once

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::master {

/// What can be wrong with a task's health check or check: the part that its type needs, ports,
/// scheme and path of a probe, spans of time. Pure; the error's text names the field and is the
/// message of TASK_ERROR. A health check without a type is of the type of what is set in it.
Result<void> validate_health_check(const mesos::v1::HealthCheck& check);
Result<void> validate_check(const mesos::v1::CheckInfo& check);

}  // namespace tepui::master
