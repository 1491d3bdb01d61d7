#include "agent/agent_outlets.h"

#include <filesystem>

namespace tepui::agent {

namespace fs = std::filesystem;

std::optional<Limitation> to_limitation(const std::optional<containerizer::LimitHit>& limit) {
    if (!limit) return std::nullopt;
    return Limitation{limit->reason, limit->message, limit->resources};
}

void attach_sandbox(daemon::Files& files, const std::string& work_dir, const std::string& sandbox) {
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
    auto spec = make_launch_spec(launch, parts_.address, parts_.task_environment);
    if (!spec) {
        loop_->post(ContainerLaunchFailed{launch.container, spec.error()});
        return;
    }
    attach_sandbox(parts_.files, parts_.work_dir, launch.sandbox);
    const ContainerId container = launch.container;
    parts_.containerizer.launch(
        std::move(*spec),
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
        loop_->post(ContainerStarted{container, started->pid});
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

void AgentOutlets::remove_sandbox(const std::string& path) {
    parts_.files.detach_real(path);
    parts_.pool.post([path, work_dir = parts_.work_dir, &text_log = parts_.text_log] {
        if (const auto removed = remove_sandbox_tree(work_dir, path); !removed) {
            text_log.warning(removed.error().text);
        }
    });
}

void AgentOutlets::log(Severity severity, const std::string& text) {
    parts_.text_log.write(severity, text);
}

void AgentOutlets::end(const EndAgent& end) { parts_.on_end(end); }

}  // namespace tepui::agent
