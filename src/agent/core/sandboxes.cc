#include "agent/core/sandboxes.h"

#include "agent/core/checkpoint.h"

namespace tepui::agent {
namespace {

void set_timer(Context& context, const ContainerId& container, const Sandbox& sandbox) {
    const Duration age =
        std::max(Duration::zero(), context.now.wall.since_epoch - sandbox.ended->since_epoch);
    const Duration rest = std::max(Duration::zero(), context.state.config.gc_delay - age);
    context.state.timers.set({TimerKind::sandbox, container.value}, context.now.instant + rest);
}

}  // namespace

std::string sandbox_path(const State& state, const TaskRun& task) {
    return fmt::format("{}/slaves/{}/frameworks/{}/executors/{}/runs/{}", state.config.work_dir,
                       state.id ? state.id->value : "", task.framework, task.info.task_id().value(),
                       task.container);
}

std::string sandbox_path(const State& state, const ExecutorRun& executor) {
    return fmt::format("{}/slaves/{}/frameworks/{}/executors/{}/runs/{}", state.config.work_dir,
                       state.id ? state.id->value : "", executor.framework,
                       executor.info.executor_id().value(), executor.container);
}

CheckpointWrite sandbox_begins(State& state, const TaskRun& task) {
    return sandbox_begins(state, task.container, task.sandbox);
}

CheckpointWrite sandbox_begins(State& state, const ContainerId& container,
                               const std::string& path) {
    const Sandbox& sandbox =
        state.sandboxes.insert_or_assign(container, Sandbox{path, std::nullopt}).first->second;
    return sandbox_write(container, sandbox);
}

void sandbox_ended(Context& context, const ContainerId& container) {
    const auto it = context.state.sandboxes.find(container);
    if (it == context.state.sandboxes.end() || it->second.ended) return;
    it->second.ended = context.now.wall;
    write_checkpoint(context, {sandbox_write(container, it->second)});
    set_timer(context, container, it->second);
}

void on_sandbox_due(Context& context, const ContainerId& container) {
    const auto it = context.state.sandboxes.find(container);
    if (it == context.state.sandboxes.end()) return;
    ++context.state.counters.sandboxes_removed;
    context.effects.push_back(RemoveSandbox{it->second.path});
    context.state.sandboxes.erase(it);
    // A crash before the removal is done leaves a directory that nothing knows; removing it again
    // costs nothing, so the key goes after it in the order of effects.
    write_checkpoint(context, {{sandbox_key(container), std::nullopt}});
}

void recover_sandboxes(Context& context) {
    std::vector<CheckpointWrite> writes;
    for (auto& [container, sandbox] : context.state.sandboxes) {
        const TaskRun* task = find_task(context.state, container);
        const ExecutorRun* executor = find_executor(context.state, container);
        const bool lives = (task != nullptr && task->phase != Phase::ended) ||
                           (executor != nullptr && executor->phase != ExecutorPhase::ended);
        if (lives) continue;
        if (!sandbox.ended) {
            sandbox.ended = context.now.wall;
            writes.push_back(sandbox_write(container, sandbox));
        }
        set_timer(context, container, sandbox);
    }
    if (!writes.empty()) write_checkpoint(context, std::move(writes));
}

}  // namespace tepui::agent
