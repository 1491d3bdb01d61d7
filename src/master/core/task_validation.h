#pragma once

#include <cstdint>

#include "base/ids.h"
#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::master {

/// Where a task comes from: LAUNCH, where it has a command or an executor, or LAUNCH_GROUP, where
/// the group has the executor.
enum class TaskPlace : std::uint8_t { alone, in_group };

/// What can be wrong with a task by itself: ids, command, container, checks, limits, policies.
/// Pure; the error's text is the message of TASK_ERROR. Whether its resources can be read and fit
/// its offers, and its id is free, is judged by accept, which parses them once.
Result<void> validate_task(const mesos::v1::TaskInfo& task, const AgentId& offered_agent,
                           TaskPlace place = TaskPlace::alone);

/// The parts that executors have too.
Result<void> validate_command(const mesos::v1::CommandInfo& command, bool image_may_give_it);
Result<void> validate_container(const mesos::v1::ContainerInfo& container);

}  // namespace tepui::master
