#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cli/client/master_api.h"
#include "cli/cluster/plan.h"
#include "cli/cluster/state_file.h"

namespace tepui::cli {

/// Whom a supervisor tells how it goes.
struct SupervisorReports {
    std::function<void(std::string)> progress;  // While starting and stopping; a line.
    std::function<void()> ready;                // Once: every agent is registered.
};

/// Starts the daemons of a plan, keeps them running (one that dies is started again, later and
/// later), and ends them at SIGINT or SIGTERM. One thread; lives for one cluster. Holds
/// WORK_DIR/lock, so that a work directory has one supervisor.
class Supervisor {
public:
    Supervisor(ClusterPlan plan, Duration start_deadline, SupervisorReports reports);
    ~Supervisor();

    /// Until the cluster is stopped. Fails with conflict when one runs in the work directory or a
    /// port is taken; with timeout or io when the daemons do not come up: they are ended then.
    asio::awaitable<Result<void>> run();

private:
    struct Child {
        DaemonPlan plan;
        ProcessRef process;
        bool running = false;
        int deaths = 0;
        std::chrono::steady_clock::time_point restart_at;
    };

    Result<void> prepare();
    Result<void> lock();
    Result<void> check_ports() const;
    Result<void> start(Child& child);
    /// Notices children that ended; the first one's end in words.
    std::string reap();
    void restart_if_due(Child& child);
    Result<void> save_state();
    ClusterState state() const;
    asio::awaitable<Result<void>> start_all();
    asio::awaitable<Result<void>> wait_for_agents(MasterApi& master, std::size_t count,
                                                  std::chrono::steady_clock::time_point end);
    asio::awaitable<void> watch();
    asio::awaitable<Result<void>> stop();

    const ClusterPlan plan_;
    const Duration start_deadline_;
    SupervisorReports reports_;
    std::vector<Child> children_;  // The master is the first.
    int lock_ = -1;
    bool stopping_ = false;
    std::unique_ptr<asio::steady_timer> wake_;  // Cancelled by signals.
};

}  // namespace tepui::cli
