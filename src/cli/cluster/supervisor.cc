#include "cli/cluster/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cluster/stop.h"

namespace tepui::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t tail_lines = 8;
constexpr Duration restart_first = 1s;
constexpr Duration restart_max = 30s;

std::string end_in_words(int status) {
    if (WIFEXITED(status)) return fmt::format("exited with status {}", WEXITSTATUS(status));
    return fmt::format("was ended by signal {}", WTERMSIG(status));
}

bool port_is_free(std::uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return true;  // The daemon itself will say what is wrong.
    const int yes = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool bound =
        ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const bool taken = !bound && errno == EADDRINUSE;
    ::close(descriptor);
    return !taken;
}

}  // namespace

Supervisor::Supervisor(ClusterPlan plan, Duration start_deadline, SupervisorReports reports)
    : plan_(std::move(plan)), start_deadline_(start_deadline), reports_(std::move(reports)) {
    children_.push_back(Child{plan_.master, {}, false, 0, {}});
    for (const DaemonPlan& agent : plan_.agents)
        children_.push_back(Child{agent, {}, false, 0, {}});
}

Supervisor::~Supervisor() {
    if (lock_ >= 0) ::close(lock_);
}

Result<void> Supervisor::lock() {
    const std::string path = plan_.work_dir + "/lock";
    lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) return fail(Errc::io, "cannot open {}: {}", path, std::strerror(errno));
    if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
    return fail(Errc::conflict, "a cluster runs in {} already", plan_.work_dir);
}

Result<void> Supervisor::check_ports() const {
    for (const Child& child : children_) {
        if (port_is_free(child.plan.port)) continue;
        return fail(Errc::conflict, "port {}, meant for the {}, is taken", child.plan.port,
                    child.plan.name);
    }
    return {};
}

Result<void> Supervisor::prepare() {
    std::error_code error;
    std::filesystem::create_directories(plan_.work_dir, error);
    if (error) return fail(Errc::io, "cannot make {}: {}", plan_.work_dir, error.message());
    TEPUI_CHECK_OK(lock());
    if (const auto left = read_state(plan_.work_dir)) {
        for (const auto& daemon : left->daemons) {
            if (!is_alive(daemon.process)) continue;
            return fail(Errc::conflict, "the {} of an earlier cluster in {} still runs",
                        daemon.name, plan_.work_dir);
        }
    }
    TEPUI_CHECK_OK(check_ports());
    for (const Child& child : children_) {
        std::filesystem::create_directories(child.plan.work_dir, error);
        if (error)
            return fail(Errc::io, "cannot make {}: {}", child.plan.work_dir, error.message());
    }
    return {};
}

Result<void> Supervisor::start(Child& child) {
    auto process = start_daemon(child.plan.arguments, child.plan.log);
    if (!process) return std::unexpected(process.error());
    child.process = *process;
    child.running = true;
    return save_state();
}

ClusterState Supervisor::state() const {
    ClusterState state;
    state.supervisor = find_process(::getpid()).value_or(ProcessRef{::getpid(), 0});
    for (const Child& child : children_) {
        if (child.process.pid == 0) continue;
        state.daemons.push_back({child.plan.name, child.process, child.plan.port,
                                 child.plan.cgroups_root, child.plan.runtime_dir});
    }
    return state;
}

Result<void> Supervisor::save_state() { return write_state(plan_.work_dir, state()); }

std::string Supervisor::reap() {
    std::string first;
    for (Child& child : children_) {
        int status = 0;
        if (!child.running || ::waitpid(child.process.pid, &status, WNOHANG) != child.process.pid)
            continue;
        child.running = false;
        const Duration pause =
            std::min<Duration>(restart_first * (1 << std::min(child.deaths, 5)), restart_max);
        ++child.deaths;
        child.restart_at = Clock::now() + pause;
        if (first.empty()) {
            first =
                fmt::format("the {} {}; the end of {}:{}", child.plan.name, end_in_words(status),
                            child.plan.log, tail_of(child.plan.log, tail_lines));
        }
    }
    return first;
}

void Supervisor::restart_if_due(Child& child) {
    if (Clock::now() < child.restart_at) return;
    reports_.progress(fmt::format("starting the {} again", child.plan.name));
    const auto started = start(child);
    if (started) return;
    reports_.progress(started.error().text);
    child.restart_at = Clock::now() + restart_max;
}

asio::awaitable<Result<void>> Supervisor::wait_for_agents(MasterApi& master, std::size_t count,
                                                          Clock::time_point end) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    std::optional<std::size_t> shown;
    std::string last_error = "it does not answer";
    for (;;) {
        if (const std::string death = reap(); !death.empty()) co_return fail(Errc::io, "{}", death);
        if (stopping_) co_return fail(Errc::cancelled, "interrupted while starting");
        auto answer = co_await master.call(mesos::v1::master::Call::GET_AGENTS);
        if (answer) {
            const auto& agents = answer->get_agents().agents();
            const auto active = static_cast<std::size_t>(std::count_if(
                agents.begin(), agents.end(), [](const auto& agent) { return agent.active(); }));
            if (active >= count) co_return Result<void>{};
            if (shown != active)
                reports_.progress(fmt::format("{} of {} agents are there", active, count));
            shown = active;
            last_error = fmt::format("only {} of {} agents have registered", active, count);
        } else {
            last_error = answer.error().text;
        }
        if (Clock::now() >= end) {
            co_return fail(Errc::timeout, "the cluster is not up after {}: {}; see {}",
                           format_duration(start_deadline_), last_error, plan_.master.log);
        }
        timer.expires_after(50ms);
        boost::system::error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

asio::awaitable<Result<void>> Supervisor::start_all() {
    const auto end = Clock::now() + start_deadline_;
    http::Client client(co_await asio::this_coro::executor);
    http::Url url;
    url.host = "127.0.0.1";
    url.port = plan_.master.port;
    MasterApi master(client, url);
    reports_.progress(fmt::format("starting the master on {}", plan_.address()));
    TEPUI_CO_CHECK_OK(start(children_[0]));
    TEPUI_CO_CHECK_OK(co_await wait_for_agents(master, 0, end));
    for (std::size_t i = 1; i < children_.size(); ++i) {
        TEPUI_CO_CHECK_OK(start(children_[i]));
    }
    auto registered = co_await wait_for_agents(master, plan_.agents.size(), end);
    co_return registered;
}

asio::awaitable<void> Supervisor::watch() {
    while (!stopping_) {
        if (const std::string death = reap(); !death.empty()) reports_.progress(death);
        auto next = Clock::time_point::max();
        for (Child& child : children_) {
            if (!child.running) restart_if_due(child);
            if (!child.running) next = std::min(next, child.restart_at);
        }
        // A signal, also that of a child's end, wakes it.
        wake_->expires_at(next);
        boost::system::error_code ignored;
        co_await wake_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
}

asio::awaitable<Result<void>> Supervisor::stop() {
    auto stopped = co_await stop_cluster(state(), StopDeadlines{}, reports_.progress);
    reap();
    if (stopped) remove_state(plan_.work_dir);
    co_return stopped;
}

asio::awaitable<Result<void>> Supervisor::run() {
    TEPUI_CO_CHECK_OK(prepare());
    const auto executor = co_await asio::this_coro::executor;
    wake_ = std::make_unique<asio::steady_timer>(executor);
    asio::signal_set signals(executor, SIGINT, SIGTERM, SIGHUP);
    signals.add(SIGCHLD);
    std::function<void()> listen = [&] {
        signals.async_wait([&](boost::system::error_code error, int signal) {
            if (error) return;  // The captures may be gone by now.
            if (signal != SIGCHLD) stopping_ = true;
            wake_->cancel();
            listen();
        });
    };
    listen();
    auto started = co_await start_all();
    if (started) {
        reports_.ready();
        co_await watch();
    }
    auto stopped = co_await stop();
    signals.cancel();
    if (!started) co_return std::unexpected(started.error());
    co_return stopped;
}

}  // namespace tepui::cli
