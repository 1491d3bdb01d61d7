#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::master {

/// What can be wrong with a task by itself: ids, command, container, checks, limits, policies.
/// Pure; the error's text is the message of TASK_ERROR. Whether its resources can be read and fit
/// its offers, and its id is free, is judged by accept, which parses them once.
Result<void> validate_task(const mesos::v1::TaskInfo& task, const AgentId& offered_agent);

}  // namespace tepui::master
