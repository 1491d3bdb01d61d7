#include "agent/core/executor_stream.h"

#include <algorithm>
#include <set>

#include "agent/core/ending.h"
#include "agent/core/executor_calls.h"
#include "agent/core/executor_ending.h"
#include "agent/core/executors.h"
#include "agent/core/updates.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ExecutorEvent = v1::executor::Event;

// Source: Apache Mesos 1.12-dev, the executors' heartbeat (reference semantics.md 27).
constexpr Duration heartbeat_interval = std::chrono::minutes{30};

ExecutorKey key_of(const v1::executor::Call& call) {
    return {FrameworkId{call.framework_id().value()}, ExecutorId{call.executor_id().value()}};
}

ExecutorEvent subscribed_event(State& state, const ExecutorRun& executor) {
    ExecutorEvent event;
    event.set_type(ExecutorEvent::SUBSCRIBED);
    auto& subscribed = *event.mutable_subscribed();
    *subscribed.mutable_executor_info() = executor.info;
    *subscribed.mutable_framework_info() = find_framework(state, executor.framework)->info;
    *subscribed.mutable_agent_info() = state.config.info;
    subscribed.mutable_agent_info()->mutable_id()->set_value(state.id->value);
    subscribed.mutable_container_id()->set_value(executor.container.value);
    return event;
}

void set_heartbeat(Context& context, const ExecutorRun& executor) {
    context.state.timers.set({TimerKind::executor_heartbeat, executor.container.value},
                             context.now.instant + heartbeat_interval);
}

bool is_queued(const ExecutorRun& executor, const TaskRun& task) {
    const TaskId id{task.info.task_id().value()};
    return std::any_of(executor.queue.begin(), executor.queue.end(), [&](const auto& entry) {
        return std::find(entry.tasks.begin(), entry.tasks.end(), id) != entry.tasks.end();
    });
}

/// Tasks that were handed over on a stream that was lost, or waited when the agent died, and of
/// which the executor knows nothing.
void drop_unreceived(Context& context, const ExecutorRun& executor,
                     const v1::executor::Call::Subscribe& call) {
    std::set<std::string> known;
    for (const auto& task : call.unacknowledged_tasks()) known.insert(task.task_id().value());
    const Framework& framework = *find_framework(context.state, executor.framework);
    for (TaskRun* task : live_tasks_of(context.state, executor)) {
        if (task->state != v1::TASK_STAGING || is_queued(executor, *task) ||
            known.contains(task->info.task_id().value())) {
            continue;
        }
        finish_task(context, *task,
                    {.state = dropped_or_lost(&framework.info),
                     .reason = v1::TaskStatus::REASON_AGENT_RESTARTED,
                     .message = "The task had not reached its executor when the connection to it "
                                "was lost"});
    }
}

/// The executor is there again: what it and the agent missed of each other.
void merge(Context& context, ExecutorRun& executor, const v1::executor::Call::Subscribe& call) {
    for (const auto& update : call.unacknowledged_updates()) {
        take_update(context, executor, update.status());
    }
    if (executor.end) return;  // One of them was a fault.
    drop_unreceived(context, executor, call);
    for (TaskRun* task : live_tasks_of(context.state, executor)) {
        if (is_queued(executor, *task)) continue;
        // It has the task, whatever of that was stored before the agent died.
        task->phase = Phase::running;
        executor.used = true;
        if (task->ending) send_kill(context, executor, *task);
    }
}

}  // namespace

void on_executor_subscribed(Context& context, const ExecutorSubscribed& subscribed) {
    State& state = context.state;
    ExecutorRun* executor = find_executor(state, key_of(subscribed.call));
    const bool lives = executor != nullptr && executor->kind == ExecutorKind::custom &&
                       executor->phase != ExecutorPhase::ended &&
                       executor->phase != ExecutorPhase::persisting;
    if (!lives) {
        context.effects.push_back(CloseExecutor{subscribed.connection});
        return;
    }
    close_stream(context, *executor);  // The newest wins.
    executor->connection = subscribed.connection;
    const bool awaited = std::exchange(executor->awaited, false);
    const bool again = std::exchange(executor->joined, true) || awaited;
    state.timers.clear({TimerKind::executor_subscription, executor->container.value});
    set_heartbeat(context, *executor);
    context.log(Severity::info, "executor {} of framework {} subscribed",
                executor->info.executor_id().value(), executor->framework);
    if (executor->end) {
        ExecutorEvent shutdown;
        shutdown.set_type(ExecutorEvent::SHUTDOWN);
        send_to_executor(context, *executor, std::move(shutdown));
        return;
    }
    // Its start may be heard of before its container's.
    executor->phase = ExecutorPhase::running;
    send_to_executor(context, *executor, subscribed_event(state, *executor));
    if (again) merge(context, *executor, subscribed.call.subscribe());
    if (executor->end) return;
    store_executor(context, *executor);
    for (QueuedLaunch& entry : executor->queue) entry.update = 0;
    hand_over(context, *executor);
    end_if_unused(context, *executor);
}

void on_executor_disconnected(Context& context, const ExecutorDisconnected& disconnected) {
    for (const auto& [container, key] : context.state.executor_containers) {
        ExecutorRun& executor = *find_executor(context.state, key);
        if (executor.connection != disconnected.connection) continue;
        executor.connection.reset();
        context.state.timers.clear({TimerKind::executor_heartbeat, container.value});
        context.log(Severity::info, "executor {} of framework {} is not connected any more",
                    key.second, key.first);
        return;
    }
}

void on_executor_heartbeat(Context& context, const ContainerId& container) {
    const ExecutorRun* executor = find_executor(context.state, container);
    if (executor == nullptr || !executor->connection) return;
    ExecutorEvent event;
    event.set_type(ExecutorEvent::HEARTBEAT);
    send_to_executor(context, *executor, std::move(event));
    set_heartbeat(context, *executor);
}

bool send_to_executor(Context& context, const ExecutorRun& executor, ExecutorEvent event) {
    if (!executor.connection) return false;
    context.effects.push_back(SendToExecutor{
        *executor.connection, std::make_shared<const ExecutorEvent>(std::move(event))});
    return true;
}

void acknowledge_to_executor(Context& context, const AcknowledgeAfter& acknowledgement) {
    const ExecutorRun* executor = find_executor(context.state, acknowledgement.executor);
    if (executor == nullptr) return;
    ExecutorEvent event;
    event.set_type(ExecutorEvent::ACKNOWLEDGED);
    event.mutable_acknowledged()->mutable_task_id()->set_value(acknowledgement.task.value);
    event.mutable_acknowledged()->set_uuid(acknowledgement.uuid);
    send_to_executor(context, *executor, std::move(event));
}

void send_kill(Context& context, const ExecutorRun& executor, const TaskRun& task) {
    ExecutorEvent event;
    event.set_type(ExecutorEvent::KILL);
    *event.mutable_kill()->mutable_task_id() = task.info.task_id();
    if (task.ending && task.ending->grace != default_grace(context.state, task)) {
        event.mutable_kill()->mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(
            task.ending->grace.count());
    }
    send_to_executor(context, executor, std::move(event));
}

void send_framework_message(Context& context, const link::FrameworkMessage& message) {
    const ExecutorKey key{FrameworkId{message.framework_id().value()},
                          ExecutorId{message.executor_id().value()}};
    const ExecutorRun* executor = find_executor(context.state, key);
    ExecutorEvent event;
    event.set_type(ExecutorEvent::MESSAGE);
    event.mutable_message()->set_data(message.data());
    const bool sent = executor != nullptr && executor->kind == ExecutorKind::custom &&
                      !executor->end && send_to_executor(context, *executor, std::move(event));
    ++(sent ? context.state.counters.messages_valid : context.state.counters.messages_invalid);
    if (sent) return;
    context.log(Severity::warning,
                "dropping a message of framework {}: no executor {} listens on this agent",
                key.first, key.second);
}

void close_stream(Context& context, ExecutorRun& executor) {
    if (!executor.connection) return;
    context.effects.push_back(CloseExecutor{*executor.connection});
    executor.connection.reset();
    context.state.timers.clear({TimerKind::executor_heartbeat, executor.container.value});
}

}  // namespace tepui::agent
