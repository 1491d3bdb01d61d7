#include "agent/core/pods.h"

#include <algorithm>
#include <set>

#include "agent/core/checkpoint.h"
#include "agent/core/completion.h"
#include "agent/core/container_limits.h"
#include "agent/core/drain.h"
#include "agent/core/ending.h"
#include "agent/core/executor_ending.h"
#include "agent/core/executors.h"
#include "agent/core/sandboxes.h"
#include "agent/core/secrets.h"
#include "agent/core/task_limits.h"
#include "agent/core/updates.h"
#include "agent/core/volumes.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

ExecutorKey key_of(const link::RunTaskGroup& run) {
    return {FrameworkId{run.framework().id().value()},
            ExecutorId{run.executor().executor_id().value()}};
}

ExecutorKey key_of(const ExecutorRun& pod) {
    return {pod.framework, ExecutorId{pod.info.executor_id().value()}};
}

std::optional<std::string> refusal(const v1::TaskInfo& task, const ExecutorId& executor) {
    if (!is_file_name(task.task_id().value())) return "The ids of tasks must be valid file names";
    if (task.has_executor() && task.executor().executor_id().value() != executor.value) {
        return fmt::format("Task {} names another executor than its group", task.task_id().value());
    }
    if (!task.has_command()) {
        return fmt::format("Task {} of a default executor needs a 'command'",
                           task.task_id().value());
    }
    if (task.ByteSizeLong() > task_bytes_max) {
        return fmt::format("The description of task {} has {} bytes; this agent stores at most {}",
                           task.task_id().value(), task.ByteSizeLong(), task_bytes_max);
    }
    return std::nullopt;
}

/// Why this agent can't take the group, or nothing.
std::optional<std::string> refusal(State& state, const link::RunTaskGroup& run) {
    const ExecutorKey key = key_of(run);
    if (!is_file_name(key.first.value) || !is_file_name(key.second.value)) {
        return "The ids of an executor and its framework must be valid file names";
    }
    if (run.executor().ByteSizeLong() > task_bytes_max) {
        return fmt::format("The executor's description has {} bytes; this agent stores at most {}",
                           run.executor().ByteSizeLong(), task_bytes_max);
    }
    if (run.task_group().tasks().empty()) return "A task group needs tasks";
    std::set<std::string> ids;
    for (const v1::TaskInfo& task : run.task_group().tasks()) {
        if (const auto why = refusal(task, key.second)) return why;
        if (!ids.insert(task.task_id().value()).second) {
            return fmt::format("Task {} is in its group twice", task.task_id().value());
        }
    }
    const ExecutorRun* known = find_executor(state, key);
    if (known != nullptr && known->kind != ExecutorKind::pod) {
        return fmt::format("Executor {} is a custom executor, not a default one", key.second);
    }
    return std::nullopt;
}

/// Whether the master counts the executor as launched by this.
bool is_new(const link::RunTaskGroup& run) {
    return !run.has_launch_executor() || run.launch_executor();
}

void report_all_unrun(Context& context, const link::RunTaskGroup& run, UpdateSpec spec) {
    const ExecutorKey key = key_of(run);
    spec.executor = key.second;
    std::set<TaskId> told;
    for (const v1::TaskInfo& task : run.task_group().tasks()) {
        const TaskId id{task.task_id().value()};
        if (told.insert(id).second) report_unrun(context, {key.first, id}, spec);
    }
    // The master charges for an executor that it believes to be launched with them.
    const ExecutorRun* pod = find_executor(context.state, key);
    if (is_new(run) && (pod == nullptr || pod->phase == ExecutorPhase::ended)) {
        tell_executor_exited(context, key, std::nullopt);
    }
}

/// What of its resources this agent does not keep. An executor that lives has its own.
std::optional<std::string> not_kept(State& state, const link::RunTaskGroup& run) {
    if (const auto missing = agent::not_kept(state, run.executor().resources())) {
        if (find_executor(state, key_of(run)) == nullptr) return missing;
    }
    for (const v1::TaskInfo& task : run.task_group().tasks()) {
        if (const auto missing = agent::not_kept(state, task.resources())) return missing;
    }
    return std::nullopt;
}

bool has_volumes(const link::RunTaskGroup& run) {
    return agent::has_volumes(run.executor().resources()) ||
           std::ranges::any_of(run.task_group().tasks(), [](const v1::TaskInfo& task) {
               return agent::has_volumes(task.resources());
           });
}

/// Refuses what can't be taken, with what that means for its tasks.
bool turned_away(Context& context, const link::RunTaskGroup& run) {
    State& state = context.state;
    const ExecutorKey key = key_of(run);
    for (const v1::TaskInfo& task : run.task_group().tasks()) {
        const TaskKey known{key.first, TaskId{task.task_id().value()}};
        if (find_task(state, known) == nullptr) continue;
        context.log(Severity::warning,
                    "ignoring a task group of framework {}: its task {} is known already",
                    key.first, known.second);
        return true;
    }
    if (const auto why = refusal(state, run)) {
        report_all_unrun(context, run,
                         {.state = v1::TASK_ERROR,
                          .reason = Status::REASON_TASK_GROUP_INVALID,
                          .message = *why});
        return true;
    }
    leave_drain(context);
    if (const auto missing = not_kept(state, run)) {
        report_all_unrun(context, run,
                         {.state = dropped_or_lost(&run.framework()),
                          .reason = Status::REASON_RESOURCES_UNKNOWN,
                          .message = "The agent does not keep what the task uses: " + *missing});
        return true;
    }
    if (const auto why = disk_is_full(state)) {
        report_all_unrun(context, run,
                         {.state = v1::TASK_FAILED,
                          .reason = Status::REASON_CONTAINER_LAUNCH_FAILED,
                          .message = *why});
        return true;
    }
    const Framework* framework = find_framework(state, key.first);
    if (framework != nullptr && framework->terminating) {
        context.log(Severity::warning, "ignoring tasks of framework {}: it is shutting down",
                    key.first);
        return true;
    }
    const ExecutorRun* pod = find_executor(state, key);
    const bool lives = pod != nullptr && !pod->end && pod->phase != ExecutorPhase::ended;
    if (lives || (pod == nullptr && is_new(run))) return false;
    report_all_unrun(context, run,
                     {.state = dropped_or_lost(&run.framework()),
                      .reason = Status::REASON_EXECUTOR_TERMINATED,
                      .message = fmt::format("Executor {} {}", key.second,
                                             pod == nullptr ? "has ended" : "is ending")});
    return true;
}

ExecutorRun& open_pod(State& state, Framework& framework, const link::RunTaskGroup& run,
                      std::vector<CheckpointWrite>& writes) {
    const ExecutorKey key = key_of(run);
    const auto [it, inserted] = framework.executors.try_emplace(key.second);
    ExecutorRun& pod = it->second;
    if (!inserted) return pod;
    const CoreConfig& config = state.config;
    pod.kind = ExecutorKind::pod;
    keep_info(pod, run.executor());
    pod.whole = nullptr;  // Nothing of its own runs in it.
    pod.info.mutable_framework_id()->set_value(key.first.value);
    pod.framework = key.first;
    pod.container = ContainerId{state.prng.uuid_text()};
    pod.user = config.switch_user && !run.framework().user().empty() ? run.framework().user()
                                                                     : config.default_user;
    pod.sandbox = sandbox_path(state, pod);
    pod.grace =
        pod.info.has_shutdown_grace_period()
            ? std::max(Duration::zero(), Duration{pod.info.shutdown_grace_period().nanoseconds()})
            : config.executor_shutdown_grace;
    state.executor_containers.emplace(pod.container, key);
    writes.push_back(sandbox_begins(state, pod.container, pod.sandbox));
    if (framework.info.checkpoint()) {
        writes.push_back(executor_info_write(pod));
        writes.push_back(executor_state_write(pod));
    }
    return pod;
}

TaskId add_task(State& state, Framework& framework, const ExecutorRun& pod,
                const v1::TaskInfo& info, std::vector<CheckpointWrite>& writes) {
    const TaskId id{info.task_id().value()};
    TaskRun task;
    keep_info(task, info);
    task.framework = pod.framework;
    task.executor = ExecutorId{pod.info.executor_id().value()};
    task.pod.group = pod.pod.groups;
    task.container = ContainerId{state.prng.uuid_text()};
    const bool own_user = state.config.switch_user && !info.command().user().empty();
    task.user = own_user ? info.command().user() : pod.user;
    // Goes with the pod's, so that it needs no record of its own.
    task.sandbox = fmt::format("{}/containers/{}", pod.sandbox, task.container);
    state.containers.emplace(task.container, TaskKey{pod.framework, id});
    const TaskRun& stored = framework.tasks.emplace(id, std::move(task)).first->second;
    if (framework.info.checkpoint()) {
        writes.push_back(task_info_write(stored));
        writes.push_back(task_state_write(stored));
    }
    return id;
}

void launch_pod(Context& context, ExecutorRun& pod) {
    pod.phase = ExecutorPhase::launching;
    // With the resources of all groups that wait: the launch is the first update of its limits.
    ++pod.updates_asked;
    for (QueuedLaunch& group : pod.queue) group.update = pod.updates_asked;
    context.effects.push_back(
        LaunchPod{pod.container, limits_of(context.state, pod), pod.user, pod.sandbox,
                  find_framework(context.state, pod.framework)->info.checkpoint(),
                  pod.info.container(), volumes_of_itself(pod)});
}

void launch_group(Context& context, const ExecutorRun& pod, const std::vector<TaskId>& ids) {
    State& state = context.state;
    std::vector<Effect> launches;
    for (const TaskId& id : ids) {
        TaskRun& task = *find_task(state, TaskKey{pod.framework, id});
        task.phase = Phase::launching;
        report(context, task, {{.state = v1::TASK_STARTING, .source = Status::SOURCE_EXECUTOR}});
        launches.emplace_back(
            LaunchContainer{task.container, *state.id, find_framework(state, pod.framework)->info,
                            take_whole(task), task.user, task.sandbox,
                            PodPlace{pod.container, *task.executor, volumes_of_itself(pod)}});
    }
    for (Effect& launch : launches) context.effects.push_back(std::move(launch));
}

/// Asks for the limits of groups that need them, and launches those that have them.
void advance(Context& context, ExecutorRun& pod) {
    if (pod.phase != ExecutorPhase::running) return;
    const auto waits = [](const QueuedLaunch& group) { return group.durable && group.update == 0; };
    if (std::any_of(pod.queue.begin(), pod.queue.end(), waits)) {
        follow_tasks(context, pod);
        for (QueuedLaunch& group : pod.queue) {
            if (waits(group)) group.update = pod.updates_asked;
        }
    }
    const auto ready = [&](const QueuedLaunch& group) {
        return group.durable && group.update != 0 && group.update <= pod.pod.updates_done;
    };
    while (!pod.queue.empty() && ready(pod.queue.front())) {
        const QueuedLaunch group = std::move(pod.queue.front());
        pod.queue.pop_front();
        launch_group(context, pod, group.tasks);
    }
}

void group_durable(Context& context, ExecutorRun& pod, QueuedLaunch& group) {
    group.durable = true;
    if (pod.phase == ExecutorPhase::persisting) {
        launch_pod(context, pod);
    } else {
        advance(context, pod);
    }
}

}  // namespace

ExecutorRun* pod_of(State& state, const TaskRun& task) {
    if (!task.executor) return nullptr;
    ExecutorRun* executor = find_executor(state, ExecutorKey{task.framework, *task.executor});
    return executor != nullptr && executor->kind == ExecutorKind::pod ? executor : nullptr;
}

ExecutorRun* find_pod(State& state, const ContainerId& container) {
    ExecutorRun* executor = find_executor(state, container);
    return executor != nullptr && executor->kind == ExecutorKind::pod ? executor : nullptr;
}

void run_pod(Context& context, const link::RunTaskGroup& run) {
    State& state = context.state;
    if (!state.id || state.shutting_down || state.departure) return;
    if (turned_away(context, run)) return;
    std::vector<CheckpointWrite> writes;
    for (const v1::TaskInfo& task : run.task_group().tasks()) {
        // An earlier refusal of the same id is history now.
        drop_stream(context, {key_of(run).first, TaskId{task.task_id().value()}}, writes);
    }
    bool made = false;
    Framework& framework = open_framework(state, run.framework(), made);
    const bool checkpoint = framework.info.checkpoint();
    if (made && checkpoint) writes.push_back(framework_write(framework));
    ExecutorRun& pod = open_pod(state, framework, run, writes);
    ++pod.pod.groups;
    QueuedLaunch group;
    group.group = true;
    for (const v1::TaskInfo& task : run.task_group().tasks()) {
        group.tasks.push_back(add_task(state, framework, pod, task, writes));
    }
    const QueueAfter after{pod.container, group.tasks};
    pod.queue.push_back(std::move(group));
    // A volume is made when its operation is durable, which may have come just before.
    if (checkpoint || has_volumes(run)) {
        write_checkpoint(context, std::move(writes), {after});
        return;
    }
    if (!writes.empty()) write_checkpoint(context, std::move(writes));
    group_durable(context, pod, pod.queue.back());
}

void on_group_durable(Context& context, ExecutorRun& pod, const QueueAfter& after) {
    const auto group =
        std::find_if(pod.queue.begin(), pod.queue.end(),
                     [&](const QueuedLaunch& each) { return each.tasks == after.tasks; });
    // Killed while it was being stored.
    if (group != pod.queue.end()) group_durable(context, pod, *group);
}

void pod_started(Context& context, ExecutorRun& pod, std::int64_t pid) {
    if (pod.end || pod.phase == ExecutorPhase::ended) {
        // Given up while it was being launched.
        context.effects.push_back(DestroyContainer{pod.container});
        return;
    }
    if (pod.phase != ExecutorPhase::launching) return;
    pod.phase = ExecutorPhase::running;
    pod.pid = pid;
    pod.started = context.now.wall;
    pod.pod.updates_done = 1;
    store_executor(context, pod);
    advance(context, pod);
}

void pod_updated(Context& context, ExecutorRun& pod, const ContainerUpdated& updated) {
    if (pod.phase != ExecutorPhase::running) return;
    if (!updated.error) {
        pod.pod.updates_done = std::max(pod.pod.updates_done, updated.sequence);
        advance(context, pod);
        return;
    }
    context.log(Severity::warning, "container {} of executor {} keeps its limits: {}",
                updated.container, pod.info.executor_id().value(), updated.error->text);
    // Too little for a group to come; too much after a task's end harms nobody.
    const Framework& framework = *find_framework(context.state, pod.framework);
    const bool aware =
        has_capability(framework.info, v1::FrameworkInfo::Capability::PARTITION_AWARE);
    std::vector<TaskId> ids;
    for (const QueuedLaunch& group : pod.queue) {
        if (group.update != 0 && group.update <= updated.sequence) {
            ids.insert(ids.end(), group.tasks.begin(), group.tasks.end());
        }
    }
    const ExecutorKey key = key_of(pod);
    for (const TaskId& id : ids) {
        TaskRun* task = find_task(context.state, TaskKey{key.first, id});
        if (task == nullptr || task->phase == Phase::ended) continue;
        finish_alone(context, *task,
                     {.state = aware ? v1::TASK_GONE : v1::TASK_LOST,
                      .reason = Status::REASON_CONTAINER_UPDATE_FAILED,
                      .message = "The pod's container could not be given the resources of its "
                                 "tasks: " +
                                 updated.error->text});
    }
    if (!ids.empty()) settle_pod(context, key);
}

}  // namespace tepui::agent
