#include "agent/core/tasks.h"

#include "agent/core/checkpoint.h"
#include "agent/core/completion.h"
#include "agent/core/ending.h"
#include "agent/core/sandboxes.h"
#include "agent/core/updates.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

// One value of the checkpoint store holds at most 1 MiB (coord::Store); the rest is our framing.
constexpr std::size_t task_bytes_max = (std::size_t{1} << 20) - 4096;

/// Ids become names of directories.
bool is_file_name(const std::string& id) {
    return !id.empty() && id.size() <= 255 && id != "." && id != ".." &&
           id.find('/') == std::string::npos && id.find('\0') == std::string::npos;
}

/// Why this agent can't take the task, or nothing.
std::optional<std::string> refusal(const link::RunTask& run) {
    const v1::TaskInfo& task = run.task();
    if (!is_file_name(task.task_id().value()) || !is_file_name(run.framework().id().value())) {
        return "The ids of a task and its framework must be valid file names";
    }
    if (task.has_executor()) {
        return "Custom executors are not supported by this agent yet: use 'command'";
    }
    if (!task.has_command()) return "A task needs a 'command'";
    if (task.ByteSizeLong() > task_bytes_max) {
        return fmt::format("The task's description has {} bytes; this agent stores at most {}",
                           task.ByteSizeLong(), task_bytes_max);
    }
    return std::nullopt;
}

std::string user_of(const CoreConfig& config, const v1::FrameworkInfo& framework,
                    const v1::TaskInfo& task) {
    if (!config.switch_user) return config.default_user;
    if (!task.command().user().empty()) return task.command().user();
    return framework.user().empty() ? config.default_user : framework.user();
}

void launch(Context& context, TaskRun& task) {
    task.phase = Phase::launching;
    const Framework& framework = *find_framework(context.state, task.framework);
    context.effects.push_back(LaunchContainer{task.container, *context.state.id, framework.info,
                                              task.info, task.user, task.sandbox});
}

}  // namespace

void run_task(Context& context, const link::RunTask& run) {
    State& state = context.state;
    const TaskKey key{FrameworkId{run.framework().id().value()},
                      TaskId{run.task().task_id().value()}};
    if (!state.id || state.shutting_down) return;
    if (state.departure) {
        // The master ends it as lost when it removes this agent.
        context.log(Severity::info, "ignoring task {} of framework {}: this agent leaves",
                    key.second, key.first);
        return;
    }
    if (find_task(state, key) != nullptr) {
        context.log(Severity::warning, "ignoring task {} of framework {}: it is known already",
                    key.second, key.first);
        return;
    }
    if (const auto why = refusal(run)) {
        report_unrun(
            context, key,
            {.state = v1::TASK_ERROR, .reason = Status::REASON_TASK_INVALID, .message = *why});
        return;
    }
    if (const Framework* known = find_framework(state, key.first); known && known->terminating) {
        context.log(Severity::warning, "ignoring task {}: its framework {} is shutting down",
                    key.second, key.first);
        return;
    }
    std::vector<CheckpointWrite> writes;
    drop_stream(context, key, writes);  // An earlier refusal of the same id is history now.
    bool made = false;
    Framework& framework = open_framework(state, run.framework(), made);
    TaskRun task;
    task.info = run.task();
    task.framework = key.first;
    task.container = ContainerId{state.prng.uuid_text()};
    task.user = user_of(state.config, framework.info, task.info);
    task.sandbox = sandbox_path(state, task);
    state.containers.emplace(task.container, key);
    TaskRun& stored = framework.tasks.emplace(key.second, std::move(task)).first->second;
    writes.push_back(sandbox_begins(state, stored));
    if (!framework.info.checkpoint()) {
        write_checkpoint(context, std::move(writes));
        launch(context, stored);
        return;
    }
    if (made) writes.push_back(framework_write(framework));
    writes.push_back(task_info_write(stored));
    writes.push_back(task_state_write(stored));
    write_checkpoint(context, std::move(writes), {LaunchAfter{stored.container}});
}

void refuse_task_group(Context& context, const link::RunTaskGroup& run) {
    if (!context.state.id || context.state.shutting_down || context.state.departure) return;
    for (const v1::TaskInfo& task : run.task_group().tasks()) {
        const TaskKey key{FrameworkId{run.framework().id().value()},
                          TaskId{task.task_id().value()}};
        if (find_task(context.state, key) != nullptr || context.state.streams.contains(key)) {
            continue;
        }
        report_unrun(context, key,
                     {.state = v1::TASK_ERROR,
                      .reason = Status::REASON_TASK_GROUP_INVALID,
                      .message = "Task groups (pods) are not supported by this agent yet"});
    }
}

void on_task_durable(Context& context, const ContainerId& container) {
    TaskRun* task = find_task(context.state, container);
    if (task != nullptr && task->phase == Phase::persisting) launch(context, *task);
}

void on_container_started(Context& context, const ContainerStarted& started) {
    TaskRun* task = find_task(context.state, started.container);
    if (task == nullptr || task->ending) {
        // Given up while it was being launched.
        context.effects.push_back(DestroyContainer{started.container});
        return;
    }
    if (task->phase == Phase::running || task->phase == Phase::ended) return;
    task->phase = Phase::running;
    task->pid = started.pid;
    task->started = context.now.wall;
    report(context, *task,
           {{.state = v1::TASK_STARTING, .source = Status::SOURCE_EXECUTOR},
            {.state = v1::TASK_RUNNING, .source = Status::SOURCE_EXECUTOR}});
    start_completion_timer(context, *task);
}

void on_container_failed(Context& context, const ContainerLaunchFailed& failed) {
    TaskRun* task = find_task(context.state, failed.container);
    if (task == nullptr || task->phase == Phase::ended) return;
    container_failed(context, *task, failed);
}

void on_container_exited(Context& context, const ContainerExited& exited) {
    TaskRun* task = find_task(context.state, exited.container);
    if (task == nullptr || task->phase == Phase::ended) return;
    container_ended(context, *task, exited.status, exited.limitation);
}

}  // namespace tepui::agent
