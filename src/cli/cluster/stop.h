#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/client/master_api.h"
#include "cli/cluster/state_file.h"

namespace tepui::cli {

/// How long each step of a stop may take before it is done by force.
struct StopDeadlines {
    Duration tasks = 15s;   // Until the agents have no tasks, after every framework is torn down.
    Duration agents = 20s;  // Until they have ended after SIGUSR1.
    Duration master = 10s;  // Until it has ended after SIGTERM.
};

/// Ends the daemons of `state` and all that runs on them: tears every framework down, lets the
/// tasks end, tells the agents to clean up (SIGUSR1) and the master to end (SIGTERM), kills what
/// does not, and removes cgroups, shims and runtime directories that are left. Touches nothing
/// else. `said` gets a line a step. Fails with io, naming what could not be ended or removed.
asio::awaitable<Result<void>> stop_cluster(ClusterState state, StopDeadlines deadlines,
                                           std::function<void(std::string)> said);

/// Waits until `done()` or the deadline; what done() says last.
asio::awaitable<bool> wait_until(std::function<bool()> done, Duration deadline,
                                 Duration poll = 20ms);

}  // namespace tepui::cli
