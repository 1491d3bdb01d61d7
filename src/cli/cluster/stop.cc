#include "cli/cluster/stop.h"

#include <algorithm>
#include <csignal>
#include <filesystem>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "resources/task_state.h"

namespace tepui::cli {

namespace {

using Call = mesos::v1::master::Call;
using Clock = std::chrono::steady_clock;

asio::awaitable<void> pause(Duration span) {
    asio::steady_timer timer(co_await asio::this_coro::executor, span);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> tear_frameworks_down(MasterApi& master,
                                           std::function<void(std::string)> said) {
    auto answer = co_await master.call(Call::GET_FRAMEWORKS);
    if (!answer) co_return;  // A master that is gone has no frameworks to end; the agents do it.
    for (const auto& framework : answer->get_frameworks().frameworks()) {
        said(fmt::format("ending framework {}", framework.framework_info().name()));
        Call call;
        call.set_type(Call::TEARDOWN);
        *call.mutable_teardown()->mutable_framework_id() = framework.framework_info().id();
        auto done = co_await master.call(std::move(call));
        if (!done) said(fmt::format("it was not ended: {}", done.error().text));
    }
}

asio::awaitable<void> wait_for_tasks(MasterApi& master, Duration deadline) {
    const auto end = Clock::now() + deadline;
    while (Clock::now() < end) {
        auto answer = co_await master.call(Call::GET_TASKS);
        if (!answer) co_return;
        const auto& tasks = answer->get_tasks().tasks();
        const bool running = std::any_of(tasks.begin(), tasks.end(), [](const auto& task) {
            return !is_terminal(task.state());
        });
        if (!running) co_return;
        co_await pause(50ms);
    }
}

/// Signals, waits, kills. Names those that even SIGKILL did not end.
asio::awaitable<std::vector<std::string>> end_daemons(std::vector<ClusterState::Daemon> daemons,
                                                      int signal, Duration deadline) {
    for (const auto& daemon : daemons) send_signal(daemon.process, signal);
    const auto gone = [&daemons] {
        return std::none_of(daemons.begin(), daemons.end(),
                            [](const auto& daemon) { return is_alive(daemon.process); });
    };
    if (co_await wait_until(gone, deadline)) co_return std::vector<std::string>{};
    for (const auto& daemon : daemons) send_signal(daemon.process, SIGKILL);
    std::vector<std::string> left;
    if (co_await wait_until(gone, 5s)) co_return left;
    for (const auto& daemon : daemons) {
        if (is_alive(daemon.process)) {
            left.push_back(fmt::format("{} (process {})", daemon.name, daemon.process.pid));
        }
    }
    co_return left;
}

/// What an agent that was killed, or died long ago, left behind.
asio::awaitable<std::vector<std::string>> remove_leftovers(
    std::vector<ClusterState::Daemon> agents) {
    std::vector<std::string> left;
    for (const auto& agent : agents) {
        if (agent.runtime_dir.empty()) continue;
        for (const ProcessRef& shim : find_shims(agent.runtime_dir)) send_signal(shim, SIGKILL);
        const auto no_shims = [&agent] { return find_shims(agent.runtime_dir).empty(); };
        if (!co_await wait_until(no_shims, 5s, 50ms)) left.push_back("shims of " + agent.name);
        if (!remove_cgroups(agent.cgroups_root)) left.push_back("cgroup " + agent.cgroups_root);
        std::error_code error;
        std::filesystem::remove_all(agent.runtime_dir, error);
        if (error) left.push_back(agent.runtime_dir);
        // Shared by the agents of a host; goes with the last.
        std::filesystem::remove(std::filesystem::path(agent.runtime_dir).parent_path(), error);
    }
    co_return left;
}

}  // namespace

asio::awaitable<bool> wait_until(std::function<bool()> done, Duration deadline, Duration poll) {
    const auto end = Clock::now() + deadline;
    while (!done()) {
        if (Clock::now() >= end) co_return false;
        co_await pause(poll);
    }
    co_return true;
}

asio::awaitable<Result<void>> stop_cluster(ClusterState state, StopDeadlines deadlines,
                                           std::function<void(std::string)> said) {
    std::vector<ClusterState::Daemon> masters;
    std::vector<ClusterState::Daemon> agents;
    for (auto& daemon : state.daemons) {
        (daemon.name == "master" ? masters : agents).push_back(daemon);
    }
    if (!masters.empty() && is_alive(masters[0].process)) {
        http::Client client(co_await asio::this_coro::executor);
        http::Url url;
        url.host = "127.0.0.1";
        url.port = masters[0].port;
        MasterApi master(client, url);
        co_await tear_frameworks_down(master, said);
        co_await wait_for_tasks(master, deadlines.tasks);
    }
    said("ending the agents");
    auto left = co_await end_daemons(agents, SIGUSR1, deadlines.agents);
    said("ending the master");
    auto left_masters = co_await end_daemons(masters, SIGTERM, deadlines.master);
    left.insert(left.end(), left_masters.begin(), left_masters.end());
    auto leftovers = co_await remove_leftovers(agents);
    left.insert(left.end(), leftovers.begin(), leftovers.end());
    if (left.empty()) co_return Result<void>{};
    co_return fail(Errc::io, "these could not be ended or removed: {}", fmt::join(left, ", "));
}

}  // namespace tepui::cli
