#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>

#include "cli/client/agent_files.h"
#include "cli/client/master_api.h"
#include "cli/console.h"
#include "cli/run/core.h"
#include "env/clock.h"
#include "http/client.h"
#include "wire/recordio.h"

namespace tepui::cli {

/// Performs what RunCore decides: the scheduler's stream, its calls, the tasks' logs, signals. One
/// thread; lives for one run.
class RunShell {
public:
    RunShell(http::Client& client, MasterApi& master, env::Clock& clock, const Console& console,
             RunSpec spec);

    /// Runs to the end; the exit code, or the cluster's error. SIGINT and SIGTERM kill the tasks;
    /// the second one ends without waiting for logs or for calls on their way.
    asio::awaitable<Result<int>> run();
    /// What a signal does.
    void interrupt();

private:
    struct Tail {
        TaskId task;
        bool ended = false;
    };

    void feed(RunEvent event);
    void perform(RunEffect effect);
    void arm_timer();
    void wait_for_signal();
    void follow(const FollowLogs& logs);
    void end_with(Result<int> result, std::optional<FrameworkId> framework);
    asio::awaitable<void> subscribe(mesos::v1::scheduler::Call call, unsigned epoch);
    asio::awaitable<Result<void>> read_events(http::ClientStream& stream, unsigned epoch);
    asio::awaitable<void> send_queued();
    asio::awaitable<Result<void>> send(http::ClientRequest request);
    asio::awaitable<void> show(std::shared_ptr<Tail> tail, std::string agent, std::string path,
                               std::string label, bool to_stderr);
    asio::awaitable<void> teardown(FrameworkId framework);

    http::Client& client_;
    MasterApi& master_;
    env::Clock& clock_;
    const Console& console_;
    const bool labelled_;
    const std::string name_;
    RunCore core_;
    asio::any_io_executor executor_;
    std::deque<RunEvent> events_;
    bool feeding_ = false;
    std::shared_ptr<http::ClientStream> stream_;
    std::string stream_id_;
    unsigned epoch_ = 0;  // Of the subscription; what an older one reports is ignored.
    std::deque<mesos::v1::scheduler::Call> calls_;
    bool sending_ = false;
    std::vector<std::shared_ptr<Tail>> tails_;
    std::size_t tails_open_ = 0;
    std::optional<Result<int>> result_;
    std::optional<FrameworkId> to_tear_down_;
    bool interrupted_ = false;
    bool hurried_ = false;  // Interrupted twice.
    std::unique_ptr<asio::steady_timer> deadline_;
    std::unique_ptr<asio::steady_timer> changed_;  // Cancelled when what run() waits for changes.
    std::unique_ptr<asio::signal_set> signals_;
};

}  // namespace tepui::cli
