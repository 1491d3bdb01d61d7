#include "agent/core/tasks.h"

#include "agent/core/checkpoint.h"
#include "agent/core/checks.h"
#include "agent/core/completion.h"
#include "agent/core/drain.h"
#include "agent/core/ending.h"
#include "agent/core/executor_ending.h"
#include "agent/core/executors.h"
#include "agent/core/nested.h"
#include "agent/core/pods.h"
#include "agent/core/sandboxes.h"
#include "agent/core/secrets.h"
#include "agent/core/task_limits.h"
#include "agent/core/updates.h"
#include "agent/core/volumes.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

/// Why this agent can't take the task, or nothing.
std::optional<std::string> refusal(const link::RunTask& run) {
    const v1::TaskInfo& task = run.task();
    if (!is_file_name(task.task_id().value()) || !is_file_name(run.framework().id().value())) {
        return "The ids of a task and its framework must be valid file names";
    }
    if (!task.has_command()) return "A task needs a 'command' or an 'executor'";
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

ExecutorRun* find_custom(Context& context, const ContainerId& container) {
    ExecutorRun* executor = find_executor(context.state, container);
    return executor != nullptr && executor->kind == ExecutorKind::custom ? executor : nullptr;
}

void launch(Context& context, TaskRun& task) {
    task.phase = Phase::launching;
    const Framework& framework = *find_framework(context.state, task.framework);
    context.effects.push_back(LaunchContainer{task.container, *context.state.id, framework.info,
                                              take_whole(task), task.user, task.sandbox});
}

}  // namespace

void run_task(Context& context, const link::RunTask& run) {
    State& state = context.state;
    const TaskKey key{FrameworkId{run.framework().id().value()},
                      TaskId{run.task().task_id().value()}};
    if (!state.id || state.shutting_down) return;
    if (run.task().has_executor()) return run_in_executor(context, run);
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
    leave_drain(context);
    if (const auto missing = not_kept(state, run.task().resources())) {
        report_unrun(context, key,
                     {.state = dropped_or_lost(&run.framework()),
                      .reason = Status::REASON_RESOURCES_UNKNOWN,
                      .message = "The agent does not keep what the task uses: " + *missing});
        return;
    }
    if (const auto why = disk_is_full(state)) {
        report_unrun(context, key,
                     {.state = v1::TASK_FAILED,
                      .reason = Status::REASON_CONTAINER_LAUNCH_FAILED,
                      .message = *why});
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
    keep_info(task, run.task());
    task.framework = key.first;
    task.container = ContainerId{state.prng.uuid_text()};
    task.user = user_of(state.config, framework.info, task.info);
    task.sandbox = sandbox_path(state, task);
    state.containers.emplace(task.container, key);
    TaskRun& stored = framework.tasks.emplace(key.second, std::move(task)).first->second;
    writes.push_back(sandbox_begins(state, stored));
    if (!framework.info.checkpoint()) {
        // A volume is made when its operation is durable, which may have come just before.
        if (has_volumes(stored.info.resources())) {
            write_checkpoint(context, std::move(writes), {LaunchAfter{stored.container}});
            return;
        }
        write_checkpoint(context, std::move(writes));
        launch(context, stored);
        return;
    }
    if (made) writes.push_back(framework_write(framework));
    writes.push_back(task_info_write(stored));
    writes.push_back(task_state_write(stored));
    write_checkpoint(context, std::move(writes), {LaunchAfter{stored.container}});
}

void on_task_durable(Context& context, const ContainerId& container) {
    TaskRun* task = find_task(context.state, container);
    if (task != nullptr && task->phase == Phase::persisting) launch(context, *task);
}

void on_container_started(Context& context, const ContainerStarted& started) {
    if (nested_started(context, started)) return;
    if (ExecutorRun* pod = find_pod(context.state, started.container)) {
        pod->container_status = started.status;
        pod_started(context, *pod, started.pid);
        return;
    }
    if (ExecutorRun* executor = find_custom(context, started.container)) {
        executor->container_status = started.status;
        executor_started(context, *executor, started.pid);
        return;
    }
    TaskRun* task = find_task(context.state, started.container);
    if (task == nullptr || task->ending) {
        // Given up while it was being launched.
        context.effects.push_back(DestroyContainer{started.container});
        return;
    }
    if (task->phase == Phase::running || task->phase == Phase::ended) return;
    task->phase = Phase::running;
    task->pid = started.pid;
    task->container_status = started.status;
    task->started = context.now.wall;
    std::vector<UpdateSpec> news;
    // A pod's task was told as STARTING at its launch.
    if (task->state == v1::TASK_STAGING) {
        news.push_back({.state = v1::TASK_STARTING, .source = Status::SOURCE_EXECUTOR});
    }
    news.push_back(
        {.state = v1::TASK_RUNNING, .source = Status::SOURCE_EXECUTOR, .data = started.data});
    report(context, *task, news);
    start_completion_timer(context, *task);
    start_checks(context, *task);
}

void on_container_failed(Context& context, const ContainerLaunchFailed& failed) {
    if (nested_failed(context, failed)) return;
    container_gone(context, {failed.container, std::nullopt, std::nullopt});
    if (find_executor(context.state, failed.container) != nullptr) {
        executor_failed(context, context.state.executor_containers.at(failed.container), failed);
        return;
    }
    TaskRun* task = find_task(context.state, failed.container);
    if (task == nullptr || task->phase == Phase::ended) return;
    container_failed(context, *task, failed);
}

void on_container_exited(Context& context, const ContainerExited& exited) {
    if (nested_exited(context, exited)) return;
    container_gone(context, exited);
    if (ExecutorRun* pod = find_pod(context.state, exited.container)) {
        pod_exited(context, *pod, exited);
        return;
    }
    if (find_custom(context, exited.container) != nullptr) {
        const ExecutorKey key = context.state.executor_containers.at(exited.container);
        executor_exited(context, key, exited.status, exited.limitation);
        return;
    }
    TaskRun* task = find_task(context.state, exited.container);
    if (task == nullptr || task->phase == Phase::ended) return;
    container_ended(context, *task, exited.status, exited.limitation);
}

}  // namespace tepui::agent
