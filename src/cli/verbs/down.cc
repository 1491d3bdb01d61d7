#include <csignal>
#include <filesystem>

#include <fmt/core.h>

#include "cli/cluster/state_file.h"
#include "cli/cluster/stop.h"
#include "cli/verbs/local_cluster.h"
#include "cli/verbs/verbs.h"

namespace tepui::cli {

namespace {

/// A supervisor that lives does the work itself; what it could not do, or what a dead one left, is
/// done here. Both ways end in the same steps, so doing them twice is harmless.
asio::awaitable<Result<void>> stop(ClusterState state, std::function<void(std::string)> said) {
    constexpr Duration supervisor_deadline = 60s;
    if (send_signal(state.supervisor, SIGTERM)) {
        said(fmt::format("telling the supervisor (process {}) to stop", state.supervisor.pid));
        const auto gone = [&state] { return !is_alive(state.supervisor); };
        if (!co_await wait_until(gone, supervisor_deadline)) send_signal(state.supervisor, SIGKILL);
    }
    auto stopped = co_await stop_cluster(state, StopDeadlines{}, said);
    co_return stopped;
}

Outcome run(const Console& console, const Parsed& parsed) {
    const std::string work_dir = cluster_work_dir(parsed, console);
    const auto state = read_state(work_dir);
    if (!state) {
        std::error_code ignored;
        const bool was_here = std::filesystem::exists(work_dir + "/lock", ignored);
        if (state.error().code == Errc::not_found && was_here) {
            console.out(fmt::format("no cluster runs in {}\n", work_dir));
            return 0;
        }
        return give_up("down", state.error(),
                       "tepui down --work-dir DIR, with the DIR given to tepui up");
    }
    const auto said = [&console](const std::string& line) { console.err("  " + line + "\n"); };
    asio::io_context loop(1);
    Result<void> result;
    asio::co_spawn(loop, stop(*state, said), [&](std::exception_ptr error, Result<void> stopped) {
        result = error ? fail(Errc::internal, "stopping failed") : std::move(stopped);
        loop.stop();
    });
    loop.run();
    if (!result)
        return give_up("down", result.error(), fmt::format("tepui down --work-dir {}", work_dir));
    remove_state(work_dir);
    console.out(fmt::format("the cluster in {} is down\n", work_dir));
    return 0;
}

}  // namespace

Verb down_verb() {
    Verb verb;
    verb.manual.name = "down";
    verb.manual.summary = "stop a local cluster and everything that runs on it";
    verb.manual.synopsis = {"down [--work-dir DIR]"};
    verb.manual.description = {
        "Stops the cluster that `tepui up` started in the work directory: ends its frameworks and "
        "their "
        "tasks, its agents and its master, and removes what they had in the system: containers, "
        "cgroups, "
        "sockets. Other clusters are not touched. Logs, sandboxes and the master's state stay in "
        "the work "
        "directory.",
        "A cluster that is down already is no error.",
    };
    verb.manual.examples = {{"tepui down", "the cluster in the usual place"},
                            {"tepui down --work-dir /tmp/test", "another one"}};
    verb.flags.flags = {work_dir_flag()};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
