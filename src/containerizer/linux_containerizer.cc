#include "containerizer/linux_containerizer.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/mount.h"
#include "containerizer/cgroups/roots.h"
#include "containerizer/composing_containerizer.h"
#include "containerizer/isolators/docker_runtime/docker_runtime.h"
#include "containerizer/names.h"
#include "containerizer/oci/bundle.h"

namespace tepui::containerizer {
namespace {

// Launches wait for the kernel (mkdir in cgroupfs, vfork) more than they compute.
constexpr std::size_t k_workers = 6;
constexpr std::size_t k_fetchers = 16;
constexpr std::size_t k_ends_kept_max = 1'024;
constexpr std::size_t k_warnings_max = 256;
constexpr std::chrono::milliseconds k_patience{1'000};
constexpr int k_shim_exit_ms_max = 5'000;
constexpr std::size_t k_socket_path_max = 107;

/// Waits until the process is gone, and reaps it when it is a child of this one.
void await_exit(pid_t pid) {
    if (pid <= 0) return;
    const Descriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!handle) return;
    pollfd ended{handle.get(), POLLIN, 0};
    ::poll(&ended, 1, k_shim_exit_ms_max);
    ::waitpid(pid, nullptr, WNOHANG);
}

}  // namespace

Result<std::unique_ptr<Containerizer>> make_containerizer(Options options) {
    if (options.containerizers != std::vector<std::string>{"mesos"})
        return make_composing(std::move(options));
    std::unique_ptr<Containerizer> made = TEPUI_TRY(LinuxContainerizer::make(std::move(options)));
    return made;
}

Result<std::unique_ptr<LinuxContainerizer>> LinuxContainerizer::make(Options options) {
    const Isolation isolation = TEPUI_TRY(parse_isolation(options.isolation, ::geteuid() == 0));
    // A folder of its own: recover() removes from it whatever it doesn't know. Short, as paths of
    // sockets are.
    options.runtime_dir += "/c";
    if (options.runtime_dir.size() + 1 + k_short_name_max + sizeof "/" SHIM_SOCKET_NAME >
        k_socket_path_max)
        return fail(
            Errc::invalid_argument,
            "the runtime directory '{}' is too long for sockets in it; give one of at most {} "
            "bytes",
            options.runtime_dir,
            k_socket_path_max - 1 - k_short_name_max - sizeof "/" SHIM_SOCKET_NAME);
    TEPUI_CHECK_OK(clean_path(options.cgroups_root));
    if (!options.oci.userns_remap.empty() &&
        (!options.images.docker ||
         std::ranges::find(options.isolation, "docker/runtime") == options.isolation.end()))
        return fail(Errc::invalid_argument,
                    "--userns_remap={}: it is for containers with images, and this agent has none "
                    "(--image_providers=docker, and docker/runtime in --isolation)",
                    options.oci.userns_remap);
    if (::access(options.shim_path.c_str(), X_OK) != 0)
        return fail(Errc::invalid_argument, "the shim '{}' cannot be executed: {}",
                    options.shim_path, errno_text());
    cgroups::Hierarchies hierarchies = cgroups::find_hierarchies();
    cgroups::mount_missing(options.isolation, hierarchies);
    cgroups::Groups groups(std::move(hierarchies), options.cgroups_root, isolation);
    std::unique_ptr<LinuxContainerizer> made(
        new LinuxContainerizer(std::move(options), std::move(groups)));
    if (const Result<void> ready = made->prepare_machine(); !ready) {
        cgroups::remove_roots(made->options_.cgroups_root);
        return std::unexpected(ready.error());
    }
    return made;
}

LinuxContainerizer::LinuxContainerizer(Options options, cgroups::Groups groups)
    : options_(std::move(options)),
      groups_(std::move(groups)),
      images_log_(std::make_shared<images::LogLine>()),
      workers_(k_workers),
      fetchers_(k_fetchers) {}

LinuxContainerizer::~LinuxContainerizer() {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, container] : containers_) container->cancelled = true;
    }
    links_.stop();
    fetchers_.stop();
    workers_.stop();
    probes_.stop();
    sessions_.stop();
    isolators_.clear();  // Some have threads, which use the rest.
}

Result<void> LinuxContainerizer::prepare_machine() {
    work_dir_ = TEPUI_TRY(make_trusted_directory(options_.work_dir, 0755));
    runtime_dir_ = TEPUI_TRY(make_trusted_directory(options_.runtime_dir, 0700));
    ::fchmod(runtime_dir_.get(), 0700);  // Sockets in it obey whoever can connect.
    fetcher_ = TEPUI_TRY(fetcher::make_fetcher(options_));
    const bool wanted_cgroups = groups_.isolation().any_cgroup();
    for (std::string& text : groups_.prepare()) warn(std::move(text));
    const auto on_limit = [this](const ContainerId& id, LimitHit limit) {
        this->on_limit(id, std::move(limit));
    };
    secrets_ = TEPUI_TRY(make_secret_resolver(options_.volumes));
    TEPUI_CHECK_OK(open_images());
    isolators_ = TEPUI_TRY(make_isolators({options_, groups_, on_limit, images_.get()}));
    for (const auto& isolator : isolators_)
        if (const Result<void> can = isolator->prepare_machine(); !can)
            return fail_with(fmt::format("isolator {}", isolator->name()), can.error());
    for (const auto& isolator : isolators_)
        for (std::string& text : image_warnings(*isolator)) warn(std::move(text));
    if (wanted_cgroups && !groups_.any())
        warn("no cgroup limits anything here: containers are plain process groups");
    namespaces_ = ::geteuid() == 0;
    const Isolation& isolation = groups_.isolation();
    if (!namespaces_ && (isolation.pid_namespace || isolation.mount_namespace))
        warn("namespaces/pid and filesystem/linux need root: containers share the host's");
    return {};
}

void LinuxContainerizer::warn(std::string text) {
    images_log_->write(text);  // Once the agent has a log; what came before it reads at its start.
    const std::lock_guard lock(mutex_);
    if (warnings_.size() < k_warnings_max) warnings_.push_back(std::move(text));
}

std::vector<std::string> LinuxContainerizer::warnings() const {
    const std::lock_guard lock(mutex_);
    return warnings_;
}

void LinuxContainerizer::link(const Shared& container, Descriptor connection) {
    const std::lock_guard lock(mutex_);  // Before any handler can look for the link's number.
    container->link = links_.add(
        std::move(connection),
        {[this, container](const shim_report& report) { on_report(container, report); },
         [this, container] { workers_.submit([this, container] { on_closed(container); }); }});
    for (const int waiting : std::exchange(container->signals_waiting, {}))
        links_.send(container->link, waiting);
}

void LinuxContainerizer::on_report(const Shared& container, const shim_report& report) {
    OnStarted started;
    {
        const std::lock_guard lock(mutex_);
        container->shim_pid = static_cast<pid_t>(report.shim_pid);
        container->task_pid = report.task_pid;
        if (report.state == SHIM_RUNNING && container->isolators.empty())
            started = std::exchange(container->started, nullptr);
    }
    if (started) started(Started{report.task_pid, {}});
    if (report.state == SHIM_RUNNING && !container->isolators.empty())
        workers_.submit([this, container] { tell_started(container); });
}

void LinuxContainerizer::signal(const ContainerId& id, int signal) {
    if (sessions_.signal(id, signal)) return;
    const std::lock_guard lock(mutex_);
    const auto found = containers_.find(id);
    if (found == containers_.end()) return;
    Container& container = *found->second;
    if (signal == SIGKILL) container.cancelled = true;
    if (container.link != 0)
        links_.send(container.link, signal);
    else
        container.signals_waiting.push_back(signal);
}

void LinuxContainerizer::destroy(const ContainerId& container) { signal(container, SIGKILL); }

Stats LinuxContainerizer::stats() const {
    return {fetches_succeeded_, fetches_failed_, destroy_errors_, fetcher_->stats()};
}

void LinuxContainerizer::log_to(std::function<void(const std::string&)> log) {
    images_log_->set(log);
    fetcher_->log_to(std::move(log));
}

void LinuxContainerizer::finish(const Shared& container) {
    await_exit(container->shim_pid);
    if (!container->cgroup.empty() && !groups_.destroy(container->cgroup, k_patience)) {
        ++destroy_errors_;
        // Something is stuck in the kernel. It stays accounted: the end is told when it is gone.
        workers_.submit([this, container] { finish(container); });
        return;
    }
    if (!container->cgroup.empty())
        pressure_.forget(groups_.directory("memory", container->cgroup));
    const Result<Status> status = read_status(container->name);
    std::string said;  // Why the runtime made no container.
    if (status && status->failed_stage == SHIM_STAGE_RUNTIME)
        said = oci::failure_message(runtime_path(container->name) + "/oci");
    const std::lock_guard telling(container->telling);
    OnStarted started;
    {
        const std::lock_guard lock(mutex_);
        started = std::exchange(container->started, nullptr);
    }
    const bool ran = !started || (status && !status->failed_stage);
    clean_up_isolators(isolated(*container), container->isolators);
    if (ran)
        remember_end(container->name);
    else
        remove_runtime(container->name);
    {
        const std::lock_guard lock(mutex_);
        containers_.erase(container->id);
    }
    if (!ran) {
        Error error{Errc::io, "the shim ended before the task ran"};
        if (status)
            error.text =
                failure_text(*status->failed_stage, status->failed_errno, status->failed_what);
        if (!said.empty()) error.text = fmt::format("the OCI runtime says: {}", said);
        started(std::unexpected(LaunchError{std::move(error), false}));
        leave_parent(container);
        return;
    }
    if (started) started(Started{container->task_pid, {}});
    Exited end = status ? to_exited(*status) : Exited{};
    if (container->limit && !end.limit) end.limit = container->limit;
    if (container->orphaned) end.status.reset();
    container->exited(std::move(end));
    leave_parent(container);  // After that: the end of the parent is told later than this one.
}

void LinuxContainerizer::remember_end(const std::string& name) {
    std::string oldest;
    {
        const std::lock_guard lock(mutex_);
        ended_.push_back(name);
        if (ended_.size() > k_ends_kept_max) {
            oldest = ended_.front();
            ended_.pop_front();
        }
    }
    if (!oldest.empty()) remove_runtime(oldest);
}

void LinuxContainerizer::forget(const ContainerId& container) {
    const std::string name = short_name(container);
    {
        const std::lock_guard lock(mutex_);
        const auto found = std::ranges::find(ended_, name);
        if (found == ended_.end()) return;
        ended_.erase(found);
    }
    remove_runtime(name);
}

Result<mesos::v1::ResourceStatistics> LinuxContainerizer::usage(const ContainerId& id) {
    Shared container;
    {
        const std::lock_guard lock(mutex_);
        const auto found = containers_.find(id);
        if (found == containers_.end() || found->second->link == 0)
            return fail(Errc::not_found, "container '{}' does not run", id);
        container = found->second;
    }
    const std::string& name = container->cgroup;
    mesos::v1::ResourceStatistics statistics;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    statistics.set_timestamp(std::chrono::duration<double>(now).count());
    // One in its parent's cgroups is measured there, with the others.
    if (!name.empty()) groups_.usage(name, statistics);
    if (const std::string memory = groups_.directory("memory", name);
        !name.empty() && !memory.empty() && groups_.version() == cgroups::Version::v1)
        pressure_.read(memory, statistics);
    for (Isolator* isolator : container->isolators)
        isolator->usage(isolated(*container), statistics);
    return statistics;
}

}  // namespace tepui::containerizer
