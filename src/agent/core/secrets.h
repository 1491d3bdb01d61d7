#pragma once

#include "agent/core/state.h"

namespace tepui::agent {

// Descriptions come with secrets that only a launch needs. What the state keeps, shows and stores
// has none; the whole is held in memory until it is launched or handed over, and after a restart
// nothing is launched that was not before.

/// Keeps `info` without its secrets, and the whole of it where it has some.
void keep_info(TaskRun& task, const mesos::v1::TaskInfo& info);
void keep_info(ExecutorRun& executor, const mesos::v1::ExecutorInfo& info);
/// What to launch; its secrets are forgotten with that.
mesos::v1::TaskInfo take_whole(TaskRun& task);
mesos::v1::ExecutorInfo take_whole(ExecutorRun& executor);

}  // namespace tepui::agent
