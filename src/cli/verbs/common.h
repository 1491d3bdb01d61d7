#pragma once

#include <string>

#include "cli/client/agent_files.h"
#include "cli/client/master_api.h"
#include "cli/console.h"

namespace tepui::cli {

/// Seconds since the epoch.
double wall_seconds();

/// Where a task's files are on its agent, as paths of the files API. A pod's task has a folder of
/// its own in its executor's sandbox; a command task's sandbox is its executor's.
std::string task_sandbox(const mesos::v1::Task& task);

/// The address of the agent of that id. An agent that is not registered is not_found.
asio::awaitable<Result<std::string>> ask_agent_address(MasterApi& master, std::string agent_id);

/// Whether the person agrees to what cannot be undone. With `yes` nobody is asked; without a
/// terminal nobody can be, and it fails with invalid_argument.
Result<bool> confirm(const Console& console, bool yes, const std::string& question);
Flag yes_flag();

/// A flag --timeout for a wait; empty means none.
Flag wait_timeout_flag();

}  // namespace tepui::cli
