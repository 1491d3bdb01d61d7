#include "agent/core/sandboxes.h"

#include <algorithm>

#include "agent/core/checkpoint.h"
#include "agent/core/timers.h"

namespace tepui::agent {
namespace {

Duration age_of(const Context& context, const Sandbox& sandbox) {
    return std::max(Duration::zero(), context.now.wall.since_epoch - sandbox.ended->since_epoch);
}

void set_timer(Context& context, const ContainerId& container, const Sandbox& sandbox) {
    const Duration age = age_of(context, sandbox);
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

void nested_sandbox_ended(Context& context, const ContainerId& container, const std::string& path) {
    if (!context.state.config.gc_nested_sandboxes) return;
    context.state.sandboxes.insert_or_assign(container, Sandbox{path, std::nullopt});
    sandbox_ended(context, container);
}

Duration sandbox_age_max(const CoreConfig& config, double used) {
    const double share = std::clamp(1.0 - config.gc_disk_headroom - used, 0.0, 1.0);
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double, Duration::period>(config.gc_delay) * share);
}

std::optional<std::string> disk_is_full(const State& state) {
    if (state.disk_free_bytes.value_or(UINT64_MAX) >= state.config.disk_free_bytes_min) return {};
    return fmt::format("The disk of the agent's work directory is full: {} bytes are left",
                       *state.disk_free_bytes);
}

void on_disk_usage(Context& context, double used) {
    State& state = context.state;
    state.sandbox_age_max = sandbox_age_max(state.config, used);
    std::vector<ContainerId> due;
    for (const auto& [container, sandbox] : state.sandboxes) {
        if (sandbox.ended && age_of(context, sandbox) >= *state.sandbox_age_max) {
            due.push_back(container);
        }
    }
    for (const ContainerId& container : due) {
        state.timers.clear({TimerKind::sandbox, container.value});
        on_sandbox_due(context, container);
    }
}

void on_sandbox_due(Context& context, const ContainerId& container) {
    const auto it = context.state.sandboxes.find(container);
    if (it == context.state.sandboxes.end()) return;
    ++context.state.counters.sandboxes_removed;
    const std::string beneath = it->second.path + "/";
    context.effects.push_back(RemoveSandbox{it->second.path});
    context.state.sandboxes.erase(it);
    // A crash before the removal is done leaves a directory that nothing knows; removing it again
    // costs nothing, so the key goes after it in the order of effects.
    std::vector<CheckpointWrite> writes{{sandbox_key(container), std::nullopt}};
    // What was in it is gone with it.
    std::erase_if(context.state.sandboxes, [&](const auto& each) {
        const auto& [nested, sandbox] = each;
        if (!sandbox.ended || !sandbox.path.starts_with(beneath)) return false;
        context.state.timers.clear({TimerKind::sandbox, nested.value});
        writes.push_back({sandbox_key(nested), std::nullopt});
        return true;
    });
    write_checkpoint(context, std::move(writes));
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
