// What operators ask of containers, carried out.

#include <fcntl.h>

#include <filesystem>

#include "agent/agent_outlets.h"
#include "containerizer/beneath.h"

namespace tepui::agent {
namespace {

namespace fs = std::filesystem;

/// Removes `path` beneath `work_dir`. What is around it is in the hands of a task: no link on the
/// way is followed, and none within is either.
Result<void> remove_beneath(const std::string& work_dir, const std::string& path) {
    const fs::path relative = fs::path(path).lexically_relative(work_dir);
    const auto parts = containerizer::clean_path(relative.string());
    if (!parts || parts->size() < 2)
        return fail(Errc::denied, "'{}' is not a sandbox of this agent", path);
    const containerizer::Descriptor root(
        ::open(work_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail(Errc::io, "cannot open '{}'", work_dir);
    const auto around = containerizer::open_beneath(root.get(), relative.parent_path().string(),
                                                    O_RDONLY | O_DIRECTORY);
    if (!around) {
        if (around.error().code == Errc::not_found) return {};
        return std::unexpected(around.error());
    }
    std::error_code error;
    fs::remove_all(fmt::format("/proc/self/fd/{}/{}", around->get(), relative.filename().string()),
                   error);
    if (error) return fail(Errc::io, "removing {}: {}", path, error.message());
    return {};
}

}  // namespace

void AgentOutlets::launch_nested(const LaunchNested& launch) {
    const ContainerId& container = launch.container;
    if (launch.kind != NestedKind::session) {
        auto spec = make_launch_spec(launch, parts_.address, parts_.task_environment);
        if (spec) spec->parent_volumes = to_volumes(launch.parent_volumes, parts_.work_dir);
        if (spec && launch.kind == NestedKind::standalone)
            parts_.files.attach(launch.sandbox, launch.sandbox);
        launch_spec(container, std::move(spec));
        return;
    }
    const auto& info = launch.launch->container();
    containerizer::SessionSpec spec{.session = container,
                                    .parent = *launch.parent,
                                    .command = launch.launch->command(),
                                    .user = launch.user,
                                    .terminal = info.has_tty_info()};
    spec.rows = static_cast<std::uint16_t>(info.tty_info().window_size().rows());
    spec.columns = static_cast<std::uint16_t>(info.tty_info().window_size().columns());
    parts_.containerizer.open_session(
        std::move(spec),
        [this, container](Result<containerizer::SessionPipes> pipes) {
            if (!pipes) {
                loop_->post(ContainerLaunchFailed{container, pipes.error()});
                return;
            }
            parts_.container_io.add_session(container, std::move(*pipes));
            loop_->post(ContainerStarted{container, 0});
        },
        [this, container](containerizer::Exited exited) {
            on_exited(container, std::move(exited));
        });
}

void AgentOutlets::answer_asker(AnswerAsker answer) { parts_.askers.answer(std::move(answer)); }

void AgentOutlets::remove_nested_sandbox(const std::string& path) {
    parts_.files.detach_real(path);
    parts_.pool.post([path, work_dir = parts_.work_dir, &text_log = parts_.text_log] {
        if (const auto removed = remove_beneath(work_dir, path); !removed)
            text_log.warning(removed.error().text);
    });
}

}  // namespace tepui::agent
