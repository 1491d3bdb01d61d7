#pragma once

#include <string>
#include <string_view>

#include "agent/core/state.h"
#include "daemon/files.h"

namespace tepui::agent {

/// Whether it lies in a pod's: ".../runs/CONTAINER/containers/NESTED".
bool is_nested_sandbox(std::string_view sandbox);

/// Shows the sandbox of a pod's task where tools look for
/// it: below each path of the pod's sandbox, as `tasks/TASK`. Nothing for another sandbox.
void attach_pod_task(daemon::Files& files, const std::string& work_dir, const std::string& sandbox,
                     const std::string& task);

/// The same for every task of every pod that the state knows, after a restart.
void attach_pod_tasks(daemon::Files& files, const std::string& work_dir, const State& state);

}  // namespace tepui::agent
