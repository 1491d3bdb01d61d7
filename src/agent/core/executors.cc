#include "agent/core/executors.h"

#include <algorithm>
#include <set>

#include "agent/core/checkpoint.h"
#include "agent/core/completion.h"
#include "agent/core/container_limits.h"
#include "agent/core/drain.h"
#include "agent/core/executor_ending.h"
#include "agent/core/executor_stream.h"
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
using Tasks = std::vector<const v1::TaskInfo*>;

/// What a RunTask or RunTaskGroup asks for.
struct Order {
    const v1::FrameworkInfo& framework;
    const v1::ExecutorInfo& executor;
    Tasks tasks;
    bool group;
    bool is_new;  // The master counts the executor as launched by this.

    ExecutorKey key() const {
        return {FrameworkId{framework.id().value()}, ExecutorId{executor.executor_id().value()}};
    }
};

/// Why this agent can't take the order, or nothing.
std::optional<std::string> refusal(State& state, const Order& order) {
    const ExecutorKey key = order.key();
    if (!is_file_name(key.first.value) || !is_file_name(key.second.value)) {
        return "The ids of an executor and its framework must be valid file names";
    }
    if (order.executor.type() == v1::ExecutorInfo::DEFAULT) {
        return "The default executor runs task groups: use LAUNCH_GROUP";
    }
    if (!order.executor.has_command()) return "A custom executor needs a 'command'";
    if (order.executor.ByteSizeLong() > task_bytes_max) {
        return fmt::format("The executor's description has {} bytes; this agent stores at most {}",
                           order.executor.ByteSizeLong(), task_bytes_max);
    }
    if (order.tasks.empty()) return "A task group needs tasks";
    for (const v1::TaskInfo* task : order.tasks) {
        if (!is_file_name(task->task_id().value())) {
            return "The ids of tasks must be valid file names";
        }
        if (task->ByteSizeLong() > task_bytes_max) {
            return fmt::format("The task's description has {} bytes; this agent stores at most {}",
                               task->ByteSizeLong(), task_bytes_max);
        }
    }
    const ExecutorRun* known = find_executor(state, key);
    if (known != nullptr && known->kind != ExecutorKind::custom) {
        return fmt::format("Executor {} is a default executor, not a custom one", key.second);
    }
    return std::nullopt;
}

void report_all_unrun(Context& context, const Order& order, UpdateSpec spec) {
    spec.executor = order.key().second;
    for (const v1::TaskInfo* task : order.tasks) {
        report_unrun(context, {order.key().first, TaskId{task->task_id().value()}}, spec);
    }
    // The master charges for an executor that it believes to be launched with them. Of one that is
    // ending it hears anyway, and of one it knew before it has: a second word would meet the next.
    const ExecutorRun* executor = find_executor(context.state, order.key());
    const bool lives = executor != nullptr && executor->phase != ExecutorPhase::ended;
    if (order.is_new && !lives) {
        tell_executor_exited(context, order.key(), std::nullopt);
    }
}

/// What of the order's resources this agent does not keep. An executor that lives has its own.
std::optional<std::string> not_kept(State& state, const Order& order) {
    if (const auto missing = agent::not_kept(state, order.executor.resources())) {
        if (find_executor(state, order.key()) == nullptr) return missing;
    }
    for (const v1::TaskInfo* task : order.tasks) {
        if (const auto missing = agent::not_kept(state, task->resources())) return missing;
    }
    return std::nullopt;
}

bool has_volumes(const Order& order) {
    return agent::has_volumes(order.executor.resources()) ||
           std::ranges::any_of(order.tasks, [](const v1::TaskInfo* task) {
               return agent::has_volumes(task->resources());
           });
}

/// Refuses what can't be taken, with what that means for its tasks.
bool turned_away(Context& context, const Order& order) {
    State& state = context.state;
    for (const v1::TaskInfo* task : order.tasks) {
        const TaskId id{task->task_id().value()};
        if (find_task(state, TaskKey{order.key().first, id}) == nullptr) continue;
        context.log(Severity::warning, "ignoring task {} of framework {}: it is known already", id,
                    order.key().first);
        return true;
    }
    if (const auto why = refusal(state, order)) {
        report_all_unrun(context, order,
                         {.state = v1::TASK_ERROR,
                          .reason = order.group ? Status::REASON_TASK_GROUP_INVALID
                                                : Status::REASON_TASK_INVALID,
                          .message = *why});
        return true;
    }
    leave_drain(context);
    if (const auto missing = not_kept(state, order)) {
        report_all_unrun(context, order,
                         {.state = dropped_or_lost(&order.framework),
                          .reason = Status::REASON_RESOURCES_UNKNOWN,
                          .message = "The agent does not keep what the task uses: " + *missing});
        return true;
    }
    if (const auto why = disk_is_full(state)) {
        report_all_unrun(context, order,
                         {.state = v1::TASK_FAILED,
                          .reason = Status::REASON_CONTAINER_LAUNCH_FAILED,
                          .message = *why});
        return true;
    }
    const Framework* framework = find_framework(state, order.key().first);
    if (framework != nullptr && framework->terminating) {
        context.log(Severity::warning, "ignoring tasks of framework {}: it is shutting down",
                    order.key().first);
        return true;
    }
    const ExecutorRun* executor = find_executor(state, order.key());
    const bool lives =
        executor != nullptr && !executor->end && executor->phase != ExecutorPhase::ended;
    if (lives || (executor == nullptr && order.is_new)) return false;
    report_all_unrun(context, order,
                     {.state = dropped_or_lost(&order.framework),
                      .reason = Status::REASON_EXECUTOR_TERMINATED,
                      .message = fmt::format("Executor {} {}", order.key().second,
                                             executor == nullptr ? "has ended" : "is ending")});
    return true;
}

std::string user_of(const CoreConfig& config, const Order& order) {
    if (!config.switch_user) return config.default_user;
    if (!order.executor.command().user().empty()) return order.executor.command().user();
    return order.framework.user().empty() ? config.default_user : order.framework.user();
}

ExecutorRun& open_executor(Context& context, Framework& framework, const Order& order,
                           std::vector<CheckpointWrite>& writes) {
    State& state = context.state;
    const auto [it, inserted] = framework.executors.try_emplace(order.key().second);
    ExecutorRun& executor = it->second;
    if (!inserted) return executor;
    v1::ExecutorInfo info = order.executor;
    info.mutable_framework_id()->set_value(order.key().first.value);
    keep_info(executor, info);
    executor.framework = order.key().first;
    executor.container = ContainerId{state.prng.uuid_text()};
    executor.user = user_of(state.config, order);
    executor.sandbox = sandbox_path(state, executor);
    executor.grace = executor.info.has_shutdown_grace_period()
                         ? std::max(Duration::zero(),
                                    Duration{executor.info.shutdown_grace_period().nanoseconds()})
                         : state.config.executor_shutdown_grace;
    state.executor_containers.emplace(executor.container, order.key());
    writes.push_back(sandbox_begins(state, executor.container, executor.sandbox));
    if (framework.info.checkpoint()) {
        writes.push_back(executor_info_write(executor));
        writes.push_back(executor_state_write(executor));
    }
    return executor;
}

TaskId add_task(State& state, Framework& framework, const ExecutorRun& executor,
                const v1::TaskInfo& info, std::vector<CheckpointWrite>& writes) {
    const TaskId id{info.task_id().value()};
    TaskRun task;
    keep_info(task, info);
    task.framework = executor.framework;
    task.executor = ExecutorId{executor.info.executor_id().value()};
    task.container = ContainerId{state.prng.uuid_text()};
    task.user = executor.user;
    task.sandbox = executor.sandbox;
    state.containers.emplace(task.container, TaskKey{executor.framework, id});
    const TaskRun& stored = framework.tasks.emplace(id, std::move(task)).first->second;
    if (framework.info.checkpoint()) {
        writes.push_back(task_info_write(stored));
        writes.push_back(task_state_write(stored));
    }
    return id;
}

void launch(Context& context, ExecutorRun& executor) {
    State& state = context.state;
    executor.phase = ExecutorPhase::launching;
    LaunchExecutor effect;
    effect.container = executor.container;
    effect.agent = *state.id;
    effect.framework = find_framework(state, executor.framework)->info;
    effect.executor = take_whole(executor);
    effect.limits = limits_of(state, executor);
    effect.user = executor.user;
    effect.sandbox = executor.sandbox;
    effect.shutdown_grace = executor.grace;
    effect.recovery_timeout = state.config.recovery_timeout;
    effect.subscription_delay = state.config.executor_reregistration_timeout;
    effect.volumes = volumes_of(state, executor);
    context.effects.push_back(std::move(effect));
}

/// An entry of the queue may go on.
void entry_ready(Context& context, ExecutorRun& executor, QueuedLaunch& entry) {
    entry.durable = true;
    for (const TaskId& id : entry.tasks) {
        find_task(context.state, TaskKey{executor.framework, id})->phase = Phase::launching;
    }
    if (executor.phase == ExecutorPhase::persisting) {
        launch(context, executor);
    } else {
        hand_over(context, executor);
    }
}

void take_order(Context& context, const Order& order) {
    State& state = context.state;
    if (!state.id || state.shutting_down || state.departure) return;
    if (turned_away(context, order)) return;
    std::vector<CheckpointWrite> writes;
    for (const v1::TaskInfo* task : order.tasks) {
        // An earlier refusal of the same id is history now.
        drop_stream(context, {order.key().first, TaskId{task->task_id().value()}}, writes);
    }
    bool made = false;
    Framework& framework = open_framework(state, order.framework, made);
    const bool checkpoint = framework.info.checkpoint();
    if (made && checkpoint) writes.push_back(framework_write(framework));
    ExecutorRun& executor = open_executor(context, framework, order, writes);
    QueuedLaunch entry;
    entry.group = order.group;
    for (const v1::TaskInfo* task : order.tasks) {
        entry.tasks.push_back(add_task(state, framework, executor, *task, writes));
    }
    const QueueAfter after{executor.container, entry.tasks};
    executor.queue.push_back(std::move(entry));
    // A volume is made when its operation is durable, which may have come just before.
    if (checkpoint || has_volumes(order)) {
        write_checkpoint(context, std::move(writes), {after});
        return;
    }
    if (!writes.empty()) write_checkpoint(context, std::move(writes));
    entry_ready(context, executor, executor.queue.back());
}

void send_launch(Context& context, const ExecutorRun& executor, const QueuedLaunch& entry) {
    v1::executor::Event event;
    for (const TaskId& id : entry.tasks) {
        TaskRun& task = *find_task(context.state, TaskKey{executor.framework, id});
        task.phase = Phase::running;
        if (entry.group) {
            *event.mutable_launch_group()->mutable_task_group()->add_tasks() = take_whole(task);
        } else {
            *event.mutable_launch()->mutable_task() = take_whole(task);
        }
    }
    event.set_type(entry.group ? v1::executor::Event::LAUNCH_GROUP : v1::executor::Event::LAUNCH);
    send_to_executor(context, executor, std::move(event));
}

}  // namespace

void run_in_executor(Context& context, const link::RunTask& run) {
    take_order(context, {run.framework(),
                         run.task().executor(),
                         {&run.task()},
                         false,
                         !run.has_launch_executor() || run.launch_executor()});
}

void run_group_in_executor(Context& context, const link::RunTaskGroup& run) {
    Tasks tasks;
    std::set<std::string> ids;
    for (const v1::TaskInfo& task : run.task_group().tasks()) {
        if (ids.insert(task.task_id().value()).second) tasks.push_back(&task);
    }
    take_order(context, {run.framework(), run.executor(), std::move(tasks), true,
                         !run.has_launch_executor() || run.launch_executor()});
}

void on_queue_durable(Context& context, const QueueAfter& after) {
    ExecutorRun* executor = find_executor(context.state, after.container);
    if (executor == nullptr || executor->phase == ExecutorPhase::ended) return;
    if (executor->kind == ExecutorKind::pod) return on_group_durable(context, *executor, after);
    const auto entry =
        std::find_if(executor->queue.begin(), executor->queue.end(),
                     [&](const QueuedLaunch& each) { return each.tasks == after.tasks; });
    // Killed while they were being stored.
    if (entry != executor->queue.end()) entry_ready(context, *executor, *entry);
}

void executor_started(Context& context, ExecutorRun& executor, std::int64_t pid) {
    if (executor.end || executor.phase == ExecutorPhase::ended) {
        // Given up while it was being launched.
        context.effects.push_back(DestroyContainer{executor.container});
        return;
    }
    executor.pid = pid;
    executor.started = context.now.wall;
    if (executor.phase == ExecutorPhase::launching) executor.phase = ExecutorPhase::running;
    // It may have subscribed before this news came.
    if (!executor.joined) {
        context.state.timers.set(
            {TimerKind::executor_subscription, executor.container.value},
            context.now.instant + context.state.config.executor_registration_timeout);
    }
    store_executor(context, executor);
}

void follow_tasks(Context& context, ExecutorRun& executor) {
    context.effects.push_back(UpdateContainer{
        executor.container, limits_of(context.state, executor), ++executor.updates_asked,
        executor.kind == ExecutorKind::custom ? volumes_of(context.state, executor)
                                              : volumes_of_itself(executor)});
}

void hand_over(Context& context, ExecutorRun& executor) {
    if (!executor.connection || executor.phase != ExecutorPhase::running) return;
    const auto waits = [](const QueuedLaunch& entry) { return entry.durable && entry.update == 0; };
    if (std::none_of(executor.queue.begin(), executor.queue.end(), waits)) return;
    follow_tasks(context, executor);
    for (QueuedLaunch& entry : executor.queue) {
        if (waits(entry)) entry.update = executor.updates_asked;
    }
}

void on_container_updated(Context& context, const ContainerUpdated& updated) {
    ExecutorRun* executor = find_executor(context.state, updated.container);
    if (executor != nullptr && executor->kind == ExecutorKind::pod) {
        return pod_updated(context, *executor, updated);
    }
    if (executor == nullptr || executor->phase != ExecutorPhase::running) return;
    const auto ready = [&](const QueuedLaunch& entry) {
        return entry.durable && entry.update != 0 && entry.update <= updated.sequence;
    };
    if (updated.error) {
        context.log(Severity::warning, "container {} of executor {} keeps its limits: {}",
                    updated.container, executor->info.executor_id().value(), updated.error->text);
        // Too little for tasks to come; too much after a task's end harms nobody.
        if (std::any_of(executor->queue.begin(), executor->queue.end(), ready)) {
            end_executor(context, context.state.executor_containers.at(updated.container),
                         ExecutorEnd::update_failed);
        }
        return;
    }
    if (!executor->connection) {
        // Its stream is lost; the next one begins with asking again.
        for (QueuedLaunch& entry : executor->queue) {
            if (ready(entry)) entry.update = 0;
        }
        return;
    }
    bool any = false;
    while (!executor->queue.empty() && ready(executor->queue.front())) {
        const QueuedLaunch entry = std::move(executor->queue.front());
        executor->queue.pop_front();
        send_launch(context, *executor, entry);
        any = true;
    }
    if (any && !std::exchange(executor->used, true)) store_executor(context, *executor);
}

void store_executor(Context& context, const ExecutorRun& executor) {
    const Framework* framework = find_framework(context.state, executor.framework);
    if (framework == nullptr || !framework->info.checkpoint()) return;
    write_checkpoint(context, {executor_state_write(executor)});
}

}  // namespace tepui::agent
