// The launch path: sandbox, URIs, runtime directory, cgroups, shim, in this order. A crash after
// any of the steps leaves only what recover() finds by looking at the runtime directory and the
// cgroups.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "containerizer/beneath.h"
#include "containerizer/fetcher/fetcher.h"
#include "containerizer/host_view.h"
#include "containerizer/isolators/docker_runtime/docker_runtime.h"
#include "containerizer/isolators/network_cni/network_cni.h"
#include "containerizer/limits.h"
#include "containerizer/linux_containerizer.h"
#include "containerizer/log_limits.h"
#include "containerizer/names.h"
#include "containerizer/spawn.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {
namespace {

// Above this stdout alone could fill any disk before it is rotated; the limit is the shim's field.
constexpr std::size_t k_log_files_max = 1'000;

/// `path` relative to `directory`; both absolute.
Result<std::vector<std::string>> parts_beneath(const std::string& directory,
                                               const std::string& path) {
    std::string_view prefix = directory;
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    if (!path.starts_with(prefix) || path.size() <= prefix.size() + 1 || path[prefix.size()] != '/')
        return fail(Errc::invalid_argument, "'{}' is not beneath the work directory '{}'", path,
                    directory);
    return clean_path(std::string_view(path).substr(prefix.size() + 1));
}

bool runs_as_self(const LaunchSpec& spec, const Options& options) {
    return spec.user.empty() || !options.switch_user;
}

}  // namespace

void LinuxContainerizer::launch(LaunchSpec spec, OnStarted started, OnExited exited) {
    auto container = std::make_shared<Container>();
    container->id = spec.container;
    container->name = short_name(spec.container);
    container->sandbox = spec.sandbox;
    container->started = std::move(started);
    container->exited = std::move(exited);
    container->cgroup = container->name;
    for (const auto& isolator : isolators_)
        if (isolator->concerns(spec)) container->isolators.push_back(isolator.get());
    Result<void> taken;
    {
        const std::lock_guard lock(mutex_);
        if (containers_.contains(spec.container))
            taken = fail(Errc::conflict, "container '{}' exists already", spec.container);
        else
            taken = enter_parent(*container, spec);
        if (taken) containers_.emplace(spec.container, container);
    }
    if (!taken) {
        workers_.submit([container, error = taken.error()] {
            container->started(std::unexpected(LaunchError{error, false}));
        });
        return;
    }
    const bool waits_for_network =
        !spec.command.uris().empty() || has_image(spec) || has_networks(spec);
    WorkerPool& pool = waits_for_network ? fetchers_ : workers_;
    pool.submit([this, container, spec = std::move(spec)] { run_launch(container, spec); });
}

void LinuxContainerizer::run_launch(const Shared& container, const LaunchSpec& spec) {
    std::expected<void, LaunchError> launched = try_launch(container, spec);
    if (launched) return;
    OnStarted started;
    {
        const std::lock_guard lock(mutex_);
        containers_.erase(container->id);
        started = std::exchange(container->started, nullptr);
    }
    if (started) started(std::unexpected(std::move(launched).error()));
    leave_parent(container);
}

std::expected<void, LaunchError> LinuxContainerizer::try_launch(const Shared& container,
                                                                const LaunchSpec& spec) {
    Result<LaunchPlan> plan = plan_launch(*container, spec);
    if (!plan) return std::unexpected(LaunchError{plan.error(), false});
    if (!runs_as_self(spec, options_)) {
        Result<User> user = find_user(spec.user);
        if (!user)
            return std::unexpected(LaunchError{
                {user.error().code,
                 fmt::format("Failed to create sandbox '{}': cannot chown it to '{}': {}",
                             spec.sandbox, spec.user, user.error().text)},
                true});
        // Without root nobody else can be become; being oneself needs nothing.
        if (::geteuid() == 0 || user->uid != ::geteuid()) plan->user = std::move(*user);
    }
    const User* user = plan->user ? &*plan->user : nullptr;
    Result<Descriptor> sandbox = make_sandbox(spec, user);
    if (!sandbox) return std::unexpected(LaunchError{sandbox.error(), true});
    if (!spec.shown_as.empty()) show_in_parent(spec);
    if (!spec.command.uris().empty()) {
        const Result<void> fetched = fetcher_->fetch(
            {spec.command, spec.environment, spec.container.value, sandbox->get(), user},
            container->cancelled);
        ++(fetched ? fetches_succeeded_ : fetches_failed_);
        if (!fetched) return std::unexpected(LaunchError{fetched.error(), false});
    }
    if (container->cancelled)
        return std::unexpected(LaunchError{{Errc::cancelled, "the launch was cancelled"}, false});
    const Result<void> spawned = spawn(container, spec, *plan, sandbox->get());
    if (!spawned) return std::unexpected(LaunchError{spawned.error(), false});
    return {};
}

Result<LaunchPlan> LinuxContainerizer::plan_launch(const Container& container,
                                                   const LaunchSpec& spec) const {
    if (spec.container.value.size() >= SHIM_CONTAINER_ID_MAX ||
        spec.container.value.find('\0') != std::string::npos)
        return fail(Errc::invalid_argument, "the container id is too long");
    if (spec.info) TEPUI_CHECK_OK(check_volumes(*spec.info, options_.isolation));
    if (spec.info) TEPUI_CHECK_OK(check_linux_info(spec.info->linux_info(), options_.isolation));
    TEPUI_CHECK_OK(check_image(spec, options_.isolation));
    TEPUI_CHECK_OK(check_networks(spec, options_.isolation));
    if (spec.info && spec.info->type() == mesos::v1::ContainerInfo::DOCKER)
        return fail(Errc::unsupported,
                    "Containers of type DOCKER need 'docker' in --containerizers of the agent");
    LaunchPlan plan;
    plan.container = spec.container.value;
    if (spec.info && spec.info->has_tty_info() && !spec.hold) {
        const auto& window = spec.info->tty_info().window_size();
        plan.terminal = true;
        plan.terminal_rows = static_cast<std::uint16_t>(window.rows());
        plan.terminal_columns = static_cast<std::uint16_t>(window.columns());
    }
    if (spec.hold) {
        plan.argv = {"hold", "hold"};  // The shim's config names a program in any case.
    } else {
        if (has_image(spec))
            plan.argv = {"image", "image"};  // What runs, docker/runtime decides.
        else
            plan.argv = TEPUI_TRY(plan_argv(spec.command));
        if (has_secrets(spec.command)) {
            mesos::v1::CommandInfo command = spec.command;
            TEPUI_CHECK_OK(resolve_secrets(command, *secrets_));
            plan.environment = TEPUI_TRY(plan_environment(spec.environment, command));
        } else {
            plan.environment = TEPUI_TRY(plan_environment(spec.environment, spec.command));
        }
    }
    TEPUI_CHECK_OK(check_gpus(spec, options_));
    plan.oom_score_adj = oom_score_adj(spec);
    plan.sandbox = spec.sandbox;
    plan.work_dir = options_.work_dir;
    TEPUI_CHECK_OK(plan_view(
        spec, groups_.isolation(), options_.security, namespaces_,
        container.parent ? runtime_path(container.parent->name) + "/" SHIM_SOCKET_NAME : "", plan));
    if (groups_.version() == cgroups::Version::v2) plan.flags |= SHIM_CGROUP_V2;
    const bool shares = container.cgroup.empty();
    const std::string& cgroup = cgroup_of(container);
    plan.memory_cgroup = groups_.directory("memory", cgroup);
    if (spec.hold) {
        plan.flags &= ~static_cast<std::uint32_t>(SHIM_NEW_PID_NS | SHIM_NEW_MOUNT_NS);
        plan.flags |= SHIM_HOLD;
    } else {
        plan.cgroups = groups_.directories(cgroup);
        if (shares)
            plan.flags |= SHIM_SHARED_CGROUP;
        else
            plan.pids_cgroup = groups_.directory("pids", cgroup);
    }
    if (!spec.outlives_agent) {
        plan.orphan_ms_max = 0;
    } else if (options_.recovery_timeout) {
        plan.orphan_ms_max =
            std::chrono::duration_cast<std::chrono::milliseconds>(*options_.recovery_timeout)
                .count();
    }
    plan.log_bytes_max = options_.log_bytes_max;
    plan.log_files_max = static_cast<std::uint32_t>(
        std::clamp<std::size_t>(options_.log_files_max, 1, k_log_files_max));
    plan.error_log_bytes_max = plan.log_bytes_max;
    plan.error_log_files_max = plan.log_files_max;
    TEPUI_CHECK_OK(override_log_limits(spec.command, plan));
    return plan;
}

Result<Descriptor> LinuxContainerizer::make_sandbox(const LaunchSpec& spec,
                                                    const User* user) const {
    const auto context = fmt::format("Failed to create sandbox '{}'", spec.sandbox);
    Result<std::vector<std::string>> parts = parts_beneath(options_.work_dir, spec.sandbox);
    if (!parts) return fail_with(context, parts.error());
    Result<Descriptor> sandbox = make_directories_beneath(work_dir_.get(), *parts, 0755);
    if (!sandbox) return fail_with(context, sandbox.error());
    if (::fchmod(sandbox->get(), 0750) != 0)
        return fail(Errc::io, "{}: cannot set its mode: {}", context, errno_text());
    if (user != nullptr && ::fchown(sandbox->get(), user->uid, user->gid) != 0)
        return fail(Errc::io, "{}: cannot chown it to '{}': {}", context, user->name, errno_text());
    return sandbox;
}

Result<void> LinuxContainerizer::spawn(const Shared& container, const LaunchSpec& spec,
                                       LaunchPlan& plan, int sandbox_fd) {
    const std::string& name = container->name;
    if (::mkdirat(runtime_dir_.get(), name.c_str(), 0700) != 0)
        return fail(Errc::io, "cannot make runtime directory '{}': {}", runtime_path(name),
                    errno_text());
    const auto give_up = [&](const Error& error) -> Result<void> {
        if (!container->cgroup.empty())
            groups_.destroy(container->cgroup, std::chrono::milliseconds(100));
        clean_up_isolators(isolated(*container), container->isolators);
        remove_runtime(name);
        return std::unexpected(error);
    };
    const Result<Descriptor> runtime =
        open_beneath(runtime_dir_.get(), name, O_RDONLY | O_DIRECTORY);
    if (!runtime) return give_up(runtime.error());
    if (Result<void> wrote = write_nest(*container); !wrote) return give_up(wrote.error());
    if (Result<void> prepared = prepare_isolators(*container, spec, plan); !prepared)
        return give_up(prepared.error());
    if (!container->cgroup.empty())
        if (Result<void> made = groups_.create(container->cgroup, make_limits(spec, options_));
            !made)
            return give_up(made.error());
    for (Isolator* isolator : container->isolators)
        if (Result<void> entered = isolator->enter_cgroups(isolated(*container), spec); !entered)
            return give_up(entered.error());
    if (Result<void> finished = finish_plan(*container, plan); !finished)
        return give_up(finished.error());
    Result<Spawned> spawned =
        spawn_shim(options_.shim_path, plan, runtime_path(name), runtime->get(), sandbox_fd);
    if (!spawned) return give_up(spawned.error());
    container->shim_pid = spawned->pid;
    link(container, std::move(spawned->connection));
    return {};
}

}  // namespace tepui::containerizer
