#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "mesos/v1/mesos.pb.h"
#include "resources/resources.h"

// What can be wrong with executors and task groups by themselves. Pure; the error's text is the
// message of TASK_ERROR.
namespace tepui::master {

/// Fills in what clients may leave out: framework_id, and type CUSTOM where there is a command.
void complete_executor(mesos::v1::ExecutorInfo& executor, const FrameworkId& framework);

/// A completed executor: ids, grace, resources, command, and what its type asks for. A DEFAULT one
/// needs at least 0.01 cpus, 32 MB of memory and some disk, as it runs beside its tasks.
Result<void> validate_executor(const mesos::v1::ExecutorInfo& executor,
                               const FrameworkId& framework);

/// Whether two infos describe the same executor: equal but for the order of resources.
bool same_executor(const mesos::v1::ExecutorInfo& a, const mesos::v1::ExecutorInfo& b);

/// What a task must not have within a group of `executor`, besides what validate_task() finds.
Result<void> validate_group_member(const mesos::v1::TaskInfo& task,
                                   const mesos::v1::ExecutorInfo& executor);

/// Whether a container shares its executor's cgroups (semantics 4, LAUNCH_GROUP).
bool shares_cgroups(const mesos::v1::ContainerInfo& container);

}  // namespace tepui::master
