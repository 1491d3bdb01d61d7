// Finding again what an earlier agent left. Safe against a death at any step of a launch, because a
// socket is listened on before the shim is spawned and by nobody but the agent in its launch and
// the shim.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/linux_containerizer.h"
#include "containerizer/names.h"
#include "containerizer/spawn.h"

namespace tepui::containerizer {
namespace {
namespace fs = std::filesystem;

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds k_answer_max{
    10};  // A machine under load; a shim answers within a ms.
constexpr std::chrono::milliseconds k_patience{5'000};

/// The next report that `wanted` accepts; nothing when the shim left or was silent for too long.
template <typename Wanted>
std::optional<shim_report> await_report(int connection, Wanted&& wanted) {
    std::optional<shim_report> latest;
    const auto deadline = Clock::now() + k_answer_max;
    while (Clock::now() < deadline) {
        pollfd readable{connection, POLLIN, 0};
        ::poll(&readable, 1, 100);
        shim_report report{};
        const ssize_t got = ::recv(connection, &report, sizeof report, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got != static_cast<ssize_t>(sizeof report) || report.version != SHIM_VERSION)
            return latest;
        report.container[SHIM_CONTAINER_ID_MAX - 1] = 0;
        latest = report;
        if (wanted(report)) return latest;
    }
    return latest;
}

bool past_start(const shim_report& report) { return report.state != SHIM_STARTING; }

}  // namespace

Result<Status> LinuxContainerizer::read_status(const std::string& name) const {
    return parse_status(cgroups::read_file(runtime_path(name) + "/" SHIM_STATUS_NAME));
}

void LinuxContainerizer::remove_runtime(const std::string& name) const {
    std::error_code ignored;
    fs::remove_all(runtime_path(name), ignored);
}

LinuxContainerizer::Survivor LinuxContainerizer::find_survivor(const std::string& name) const {
    Survivor survivor{name, {}, std::nullopt};
    Result<Descriptor> connection = connect_shim(runtime_path(name));
    if (!connection) return survivor;
    survivor.connection = std::move(*connection);
    survivor.report = await_report(survivor.connection.get(), past_start);
    return survivor;
}

Result<std::vector<Found>> LinuxContainerizer::recover(
    const std::vector<ContainerId>& expected,
    std::function<void(const ContainerId&, Exited)> exited) {
    std::set<std::string> unclaimed;
    std::error_code error;
    for (fs::directory_iterator it(options_.runtime_dir, error), end; !error && it != end;
         it.increment(error))
        unclaimed.insert(it->path().filename().string());
    if (error) return fail(Errc::io, "cannot list '{}': {}", options_.runtime_dir, error.message());

    std::vector<Found> found;
    std::vector<std::string> kept;
    std::vector<Survivor> strangers;
    for (const ContainerId& id : expected) {
        const std::string name = short_name(id);
        if (unclaimed.erase(name) == 0) {
            found.push_back({id, 0, false, Exited{}});
            continue;
        }
        Survivor survivor = find_survivor(name);
        const bool ours = survivor.report && survivor.report->container == id.value;
        if (!ours || survivor.report->state != SHIM_RUNNING) {
            // It ended, or it never ran, or what answers is not what the name says.
            strangers.push_back(std::move(survivor));
            found.push_back({id, 0, false, std::nullopt});
            continue;
        }
        auto container = std::make_shared<Container>();
        container->id = id;
        container->name = name;
        container->exited = [exited, id](Exited end) { exited(id, std::move(end)); };
        container->shim_pid = static_cast<pid_t>(survivor.report->shim_pid);
        container->task_pid = survivor.report->task_pid;
        {
            const std::lock_guard lock(mutex_);
            containers_.insert_or_assign(id, container);
        }
        kept.push_back(name);
        found.push_back({id, container->task_pid, true, std::nullopt});
        link(container, std::move(survivor.connection));
    }
    for (const std::string& name : unclaimed) strangers.push_back(find_survivor(name));
    sweep(std::move(strangers), kept);
    for (Found& one : found) {
        if (one.running || one.exited) continue;
        // Read after the sweep: whoever was still writing is gone.
        const std::string name = short_name(one.container);
        const Result<Status> status = read_status(name);
        one.exited = status ? to_exited(*status) : Exited{};
        remember_end(name);
    }
    for (const std::string& name : unclaimed) remove_runtime(name);
    return found;
}

void LinuxContainerizer::sweep(std::vector<Survivor> strangers,
                               const std::vector<std::string>& kept) {
    for (const Survivor& stranger : strangers)
        if (stranger.connection) send_signal(stranger.connection.get(), SIGKILL);
    for (const Survivor& stranger : strangers) {
        if (!stranger.connection) continue;
        const auto ended = [](const shim_report&) { return false; };  // Until it hangs up.
        const auto last = await_report(stranger.connection.get(), ended);
        char byte = 0;
        const bool gone = ::recv(stranger.connection.get(), &byte, 1, MSG_DONTWAIT) == 0;
        const auto& report = last ? last : stranger.report;
        // Alive by its open connection, so the pid is still its own.
        if (!gone && report && report->shim_pid > 0)
            ::kill(static_cast<pid_t>(report->shim_pid), SIGKILL);
    }
    for (const std::string& name : groups_.names()) {
        if (std::ranges::find(kept, name) != kept.end()) continue;
        if (!groups_.destroy(name, k_patience))
            warn("processes of the former container '" + name + "' do not end; its cgroup stays");
    }
}

}  // namespace tepui::containerizer
