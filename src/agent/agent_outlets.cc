#include "agent/agent_outlets.h"

#include <filesystem>

#include "agent/task_paths.h"

namespace tepui::agent {

namespace fs = std::filesystem;

namespace {

/// Commands of checks, run beside the task by the containerizer.
Prober::Commands probe_commands(containerizer::Containerizer& containerizer) {
    const auto run = [&containerizer](const StartProbe& probe, Prober::Done done) {
        const auto& target = std::get<CommandProbe>(probe.target);
        containerizer.probe(
            probe.container, {target.command, probe.timeout},
            [done = std::move(done)](const Result<std::int32_t>& status) {
                using Outcome = ProbeResult::Outcome;
                if (status) return done(result_of_status(*status));
                const Error& error = status.error();
                done({error.code == Errc::timeout ? Outcome::timed_out : Outcome::failed, 0,
                      error.text});
            });
    };
    return {run, [&containerizer](const ContainerId& x) { containerizer.cancel_probes(x); }};
}

}  // namespace

AgentOutlets::AgentOutlets(Parts parts)
    : parts_(std::move(parts)),
      prober_(probe_commands(parts_.containerizer)),
      volumes_(parts_.work_dir, parts_.pool,
               [&log = parts_.text_log](const std::string& text) { log.warning(text); }) {}

namespace {

containerizer::ContainerResources to_resources(const ContainerLimits& limits) {
    return {.cpus = limits.cpus,
            .cpus_limit = limits.cpus_limit,
            .mem_mb = limits.mem_mb,
            .mem_request_mb = limits.mem_request_mb,
            .cpus_revocable = limits.cpus_revocable,
            .ports = limits.ports};
}

}  // namespace

std::optional<Limitation> to_limitation(const std::optional<containerizer::LimitHit>& limit) {
    if (!limit) return std::nullopt;
    return Limitation{limit->reason, limit->message, limit->resources};
}

void attach_sandbox(daemon::Files& files, const std::string& work_dir, const std::string& sandbox) {
    if (is_nested_sandbox(sandbox)) return;  // The pod's own is shown.
    files.attach(sandbox, sandbox);
    const std::string runs = sandbox.substr(0, sandbox.rfind('/'));
    files.attach(runs + "/latest", sandbox);
    // work_dir/slaves/<agent>/frameworks/...: what follows the agent's id.
    const std::string prefix = work_dir + "/slaves/";
    if (!runs.starts_with(prefix)) return;
    const std::size_t slash = runs.find('/', prefix.size());
    if (slash != std::string::npos) files.attach(runs.substr(slash) + "/latest", sandbox);
}

Result<void> remove_sandbox_tree(const std::string& work_dir, const std::string& sandbox) {
    const std::string top = work_dir + "/slaves";
    if (!sandbox.starts_with(top + "/")) {
        return fail(Errc::denied, "'{}' is not a sandbox of this agent", sandbox);
    }
    std::error_code error;
    fs::remove_all(sandbox, error);
    if (error) return fail(Errc::io, "removing {}: {}", sandbox, error.message());
    // Above a nested one is its pod's, which may live.
    if (is_nested_sandbox(sandbox)) return {};
    fs::path directory = fs::path(sandbox).parent_path();
    const fs::path latest = directory / "latest";
    if (fs::is_symlink(latest, error) && !fs::exists(latest, error)) fs::remove(latest, error);
    while (directory != top && directory.has_parent_path()) {
        error.clear();
        // Fails, and ends the climb, at the first that is not empty.
        if (!fs::remove(directory, error) || error) break;
        directory = directory.parent_path();
    }
    return {};
}

void AgentOutlets::connect(CoreLoop& loop, std::shared_ptr<MasterLink> link) {
    loop_ = &loop;
    link_ = std::move(link);
}

void AgentOutlets::send_to_master(const link::ToMaster& frame) { link_->send(frame); }

void AgentOutlets::reconnect_master() { link_->reconnect(); }

void AgentOutlets::launch(const LaunchContainer& launch) {
    attach_pod_task(parts_.files, parts_.work_dir, launch.sandbox, launch.task.task_id().value());
    auto spec = make_launch_spec(launch, parts_.address, parts_.task_environment);
    if (spec) {
        spec->volumes = to_volumes(launch.task.resources(), parts_.work_dir);
        if (launch.pod) spec->parent_volumes = to_volumes(launch.pod->volumes, parts_.work_dir);
    }
    launch_spec(launch.container, std::move(spec));
}

void AgentOutlets::launch_executor(const LaunchExecutor& launch) {
    auto spec = make_launch_spec(launch, parts_.address, parts_.task_environment);
    if (spec) {
        spec->volumes = to_volumes(launch.volumes, parts_.work_dir);
        spec->takes_tasks = true;
    }
    launch_spec(launch.container, std::move(spec));
}

void AgentOutlets::launch_pod(const LaunchPod& launch) {
    auto spec = make_launch_spec(launch);
    spec.volumes = to_volumes(launch.volumes, parts_.work_dir);
    launch_spec(launch.container, std::move(spec));
}

void AgentOutlets::launch_spec(const ContainerId& container,
                               Result<containerizer::LaunchSpec> spec) {
    if (!spec) {
        loop_->post(ContainerLaunchFailed{container, spec.error()});
        return;
    }
    attach_sandbox(parts_.files, parts_.work_dir, spec->sandbox);
    if (spec->volumes.empty() && spec->parent_volumes.empty())
        return launch_now(container, std::move(*spec));
    // What was asked for before may be the making of its volumes.
    volumes_.after([this, container, spec = std::move(*spec)] { launch_now(container, spec); });
}

void AgentOutlets::launch_now(const ContainerId& container, containerizer::LaunchSpec spec) {
    parts_.containerizer.launch(
        std::move(spec),
        [this, container](std::expected<containerizer::Started, containerizer::LaunchError> x) {
            on_started(container, std::move(x));
        },
        [this, container](containerizer::Exited exited) {
            on_exited(container, std::move(exited));
        });
}

void AgentOutlets::on_started(
    const ContainerId& container,
    std::expected<containerizer::Started, containerizer::LaunchError> started) {
    if (started) {
        loop_->post(ContainerStarted{container, started->pid, std::move(started->status),
                                     std::move(started->data)});
    } else {
        loop_->post(ContainerLaunchFailed{container, started.error().error,
                                          started.error().sandbox_failed});
    }
}

void AgentOutlets::on_exited(const ContainerId& container, containerizer::Exited exited) {
    loop_->post(ContainerExited{container, exited.status, to_limitation(exited.limit)});
}

void AgentOutlets::signal(const ContainerId& container, int signal) {
    parts_.containerizer.signal(container, signal);
}

void AgentOutlets::destroy(const ContainerId& container) {
    parts_.containerizer.destroy(container);
}

void AgentOutlets::forget(const ContainerId& container) {
    // Files are removed, which the loop does not wait for.
    parts_.pool.post([this, container] { parts_.containerizer.forget(container); });
}

void AgentOutlets::update(const UpdateContainer& update) {
    // Few writes to files of the kernel, but not on the thread of the loop. The order of the
    // updates of one container is kept by their sequence: the newest counts.
    if (update.volumes.empty())
        parts_.pool.post([this, update] { update_now(update); });
    else
        volumes_.after([this, update] { update_now(update); });
}

void AgentOutlets::update_now(const UpdateContainer& update) {
    containerizer::ContainerResources resources = to_resources(update.limits);
    resources.volumes = to_volumes(update.volumes, parts_.work_dir);
    const auto updated = parts_.containerizer.update(update.container, resources, update.sequence);
    std::optional<Error> error;
    if (!updated) error = updated.error();
    loop_->post(ContainerUpdated{update.container, update.sequence, std::move(error)});
}

void AgentOutlets::make_volume(const MakeVolume& order) {
    volumes_.make(order, [this, operation = order.operation](std::optional<Error> error) {
        loop_->post(VolumeChanged{operation, std::move(error)});
    });
}

void AgentOutlets::remove_volume(const RemoveVolume& order) {
    volumes_.remove(order, [this, operation = order.operation](std::optional<Error> error) {
        loop_->post(VolumeChanged{operation, std::move(error)});
    });
}

void AgentOutlets::tidy_volumes(const TidyVolumes& order) { volumes_.tidy(order.operations); }

void AgentOutlets::send_to_executor(const SendToExecutor& send) {
    parts_.executor_streams->send(send.connection, send.event);
}

void AgentOutlets::close_executor(std::uint64_t connection) {
    parts_.executor_streams->close(connection);
}

void AgentOutlets::remove_sandbox(const std::string& path) {
    parts_.files.detach_real(path);
    parts_.pool.post(
        [path, work_dir = parts_.work_dir, &text_log = parts_.text_log, failed = removals_failed_] {
            if (const auto removed = remove_sandbox_tree(work_dir, path); !removed) {
                ++*failed;
                text_log.warning(removed.error().text);
            }
        });
}

void AgentOutlets::start_probe(const StartProbe& probe) {
    prober_.start(probe, [this, id = probe.probe, container = probe.container](ProbeResult result) {
        loop_->post(ProbeEnded{id, container, std::move(result)});
    });
}

void AgentOutlets::stop_probes(const ContainerId& container) { prober_.cancel(container); }

void AgentOutlets::log(Severity severity, const std::string& text) {
    parts_.text_log.write(severity, text);
}

void AgentOutlets::end(const EndAgent& end) { parts_.on_end(end); }

}  // namespace tepui::agent
