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

void LinuxContainerizer::recover_one(Recovery& recovery, const ContainerId& id, const Nest& nest) {
    const std::string name = short_name(id);
    Survivor survivor = find_survivor(name);
    const bool ours = survivor.report && survivor.report->container == id.value;
    const bool runs = ours && survivor.report->state == SHIM_RUNNING;
    const auto parent = std::ranges::find_if(
        containers_, [&](const auto& each) { return each.second->name == nest.parent; });
    const bool orphaned = !nest.parent.empty() && parent == containers_.end();
    if (!runs || orphaned) {
        // It ended, or it never ran, or what answers is not what the name says; or its parent is
        // gone, and then how it ends says nothing about it.
        recovery.strangers.push_back(std::move(survivor));
        recovery.found.push_back({id, 0, false, std::nullopt, {}});
        if (runs) recovery.orphans.insert(id);
        return;
    }
    auto container = std::make_shared<Container>();
    container->id = id;
    container->name = name;
    container->cgroup = nest.cgroup;
    container->exited = [exited = recovery.exited, id](Exited end) { exited(id, std::move(end)); };
    container->shim_pid = static_cast<pid_t>(survivor.report->shim_pid);
    container->task_pid = survivor.report->task_pid;
    {
        const std::lock_guard lock(mutex_);
        if (!nest.parent.empty()) {
            container->parent = parent->second;
            ++container->parent->nested;
        }
        containers_.insert_or_assign(id, container);
    }
    if (!nest.cgroup.empty()) recovery.kept_groups.insert(nest.cgroup);
    container->sandbox = isolated(name).sandbox;
    for (const auto& isolator : isolators_) {
        container->isolators.push_back(isolator.get());
        isolator->recover(isolated(*container));
        isolator->started(isolated(*container), container->task_pid);
    }
    recovery.found.push_back(
        {id, container->task_pid, true, std::nullopt, container_status(*container)});
    recovery.adopted.emplace_back(container, std::move(survivor.connection));
}

Result<std::vector<Found>> LinuxContainerizer::recover(
    const std::vector<ContainerId>& expected,
    std::function<void(const ContainerId&, Exited)> exited) {
    Recovery recovery;
    recovery.exited = std::move(exited);
    std::set<std::string> unclaimed;
    std::error_code error;
    for (fs::directory_iterator it(options_.runtime_dir, error), end; !error && it != end;
         it.increment(error))
        unclaimed.insert(it->path().filename().string());
    if (error) return fail(Errc::io, "cannot list '{}': {}", options_.runtime_dir, error.message());

    // Parents first: what is nested in one that is gone can't live on.
    std::vector<std::pair<ContainerId, Nest>> nested;
    for (const ContainerId& id : expected) {
        const std::string name = short_name(id);
        if (unclaimed.erase(name) == 0) {
            recovery.found.push_back({id, 0, false, Exited{}, {}});
            continue;
        }
        Nest nest = read_nest(name);
        if (nest.parent.empty())
            recover_one(recovery, id, nest);
        else
            nested.emplace_back(id, std::move(nest));
    }
    while (!nested.empty()) {
        std::set<std::string> pending;
        for (const auto& each : nested) pending.insert(short_name(each.first));
        const auto later = std::ranges::partition(
            nested, [&](const auto& each) { return !pending.contains(each.second.parent); });
        // A circle was not made by us; whoever is in it has no parent.
        const auto ready = later.begin() == nested.begin() ? nested.end() : later.begin();
        for (auto it = nested.begin(); it != ready; ++it)
            recover_one(recovery, it->first, it->second);
        nested.erase(nested.begin(), ready);
    }
    for (const std::string& name : unclaimed) recovery.strangers.push_back(find_survivor(name));
    sweep(recovery);
    for (Found& one : recovery.found) {
        if (one.running || one.exited) continue;
        // Read after the sweep: whoever was still writing is gone.
        const std::string name = short_name(one.container);
        clean_up_isolators(isolated(name));
        const Result<Status> status = read_status(name);
        one.exited = status ? to_exited(*status) : Exited{};
        if (recovery.orphans.contains(one.container)) one.exited->status.reset();
        remember_end(name);
    }
    for (const std::string& name : unclaimed) {
        clean_up_isolators(isolated(name));
        remove_runtime(name);
    }
    std::vector<Isolated> living;
    for (const auto& [container, connection] : recovery.adopted)
        living.push_back(isolated(*container));
    for (const auto& isolator : isolators_) isolator->sweep(living);
    // Last: a parent whose connection closes looks for those that are nested in it.
    for (auto& [container, connection] : recovery.adopted) link(container, std::move(connection));
    if (images_) images_->recovered();
    return std::move(recovery.found);
}

void LinuxContainerizer::sweep(const Recovery& recovery) {
    for (const Survivor& stranger : recovery.strangers)
        if (stranger.connection) send_signal(stranger.connection.get(), SIGKILL);
    for (const Survivor& stranger : recovery.strangers) {
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
    sweep_groups(recovery, groups_.names());
}

void LinuxContainerizer::sweep_groups(const Recovery& recovery,
                                      const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (recovery.kept_groups.contains(name))
            sweep_groups(recovery, groups_.names(name));
        else
            sweep_group(name);
    }
}

void LinuxContainerizer::sweep_group(const std::string& name) {
    if (!groups_.destroy(name, k_patience))
        warn("processes of the former container '" + name + "' do not end; its cgroup stays");
}

}  // namespace tepui::containerizer
