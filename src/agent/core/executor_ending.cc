#include "agent/core/executor_ending.h"

#include "agent/core/checkpoint.h"
#include "agent/core/completion.h"
#include "agent/core/ending.h"
#include "agent/core/executor_stream.h"
#include "agent/core/executors.h"
#include "agent/core/oversubscription.h"
#include "agent/core/sandboxes.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

ExecutorKey key_of(const ExecutorRun& executor) {
    return {executor.framework, ExecutorId{executor.info.executor_id().value()}};
}

void destroy(Context& context, ExecutorRun& executor) {
    if (std::exchange(executor.destroyed, true)) return;
    context.effects.push_back(DestroyContainer{executor.container});
}

/// Whether the executor can be asked: it is given time only when it may hear of it.
bool may_listen(const ExecutorRun& executor, ExecutorEnd cause) {
    switch (cause) {
        case ExecutorEnd::asked:
        case ExecutorEnd::never_used:
        case ExecutorEnd::framework_shutdown:
        case ExecutorEnd::departure:
        case ExecutorEnd::drain: return executor.joined || executor.awaited;
        case ExecutorEnd::registration_timeout:
        case ExecutorEnd::reregistration_timeout:
        case ExecutorEnd::update_failed: break;
    }
    return false;
}

Duration grace_of(const Context& context, const ExecutorRun& executor, ExecutorEnd cause) {
    const auto& drain = context.state.drain;
    if (cause == ExecutorEnd::drain && drain && drain->config.has_max_grace_period()) {
        return std::clamp(Duration{drain->config.max_grace_period().nanoseconds()},
                          Duration::zero(), executor.grace);
    }
    if (cause != ExecutorEnd::departure) return executor.grace;
    return std::min(executor.grace, context.state.config.departure_grace);
}

UpdateSpec failed(Status::Reason reason, std::string message) {
    return {.state = v1::TASK_FAILED, .reason = reason, .message = std::move(message)};
}

/// What the tasks of an executor become that was ended on purpose.
std::optional<UpdateSpec> state_of_cause(Context& context, const ExecutorRun& executor) {
    if (!executor.end) return std::nullopt;
    const v1::FrameworkInfo& framework = find_framework(context.state, executor.framework)->info;
    const bool aware = has_capability(framework, v1::FrameworkInfo::Capability::PARTITION_AWARE);
    switch (*executor.end) {
        case ExecutorEnd::registration_timeout:
            return failed(
                Status::REASON_EXECUTOR_REGISTRATION_TIMEOUT,
                fmt::format("Executor did not subscribe within {}",
                            format_duration(context.state.config.executor_registration_timeout)));
        case ExecutorEnd::reregistration_timeout:
            return failed(
                Status::REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
                fmt::format("Executor did not subscribe again within {}",
                            format_duration(context.state.config.executor_reregistration_timeout)));
        case ExecutorEnd::update_failed:
            return UpdateSpec{.state = aware ? v1::TASK_GONE : v1::TASK_LOST,
                              .reason = Status::REASON_CONTAINER_UPDATE_FAILED,
                              .message =
                                  "The executor's container could not be given the "
                                  "resources of its tasks"};
        case ExecutorEnd::departure:
            return UpdateSpec{.state = v1::TASK_KILLED,
                              .reason = Status::REASON_EXECUTOR_TERMINATED,
                              .message = "The agent is shutting down: Executor terminated"};
        case ExecutorEnd::asked:
        case ExecutorEnd::never_used:
        case ExecutorEnd::drain:
        case ExecutorEnd::framework_shutdown: break;
    }
    return std::nullopt;
}

/// Takes the entry with that task out of the queue.
std::vector<TaskId> take_from_queue(ExecutorRun& executor, const TaskId& task) {
    const auto entry =
        std::find_if(executor.queue.begin(), executor.queue.end(), [&](const QueuedLaunch& each) {
            return std::find(each.tasks.begin(), each.tasks.end(), task) != each.tasks.end();
        });
    if (entry == executor.queue.end()) return {};
    std::vector<TaskId> tasks = std::move(entry->tasks);
    executor.queue.erase(entry);
    return tasks;
}

void clear_timers(Context& context, const ContainerId& container) {
    context.state.timers.clear({TimerKind::executor_subscription, container.value});
    context.state.timers.clear({TimerKind::executor_shutdown, container.value});
    context.state.timers.clear({TimerKind::executor_heartbeat, container.value});
}

}  // namespace

void end_executor(Context& context, const ExecutorKey& key, ExecutorEnd cause) {
    ExecutorRun* executor = find_executor(context.state, key);
    if (executor == nullptr || executor->phase == ExecutorPhase::ended) return;
    if (executor->end) {
        // It is on its way; only whom to tell can change.
        if (cause != ExecutorEnd::framework_shutdown) return;
        executor->end = cause;
        store_executor(context, *executor);
        return;
    }
    executor->end = cause;
    if (executor->phase == ExecutorPhase::persisting) {
        const auto last = state_of_cause(context, *executor);
        finish_executor(context, key, std::nullopt,
                        last.value_or(failed(Status::REASON_EXECUTOR_TERMINATED,
                                             "Executor terminated before its launch")));
        return;
    }
    const bool ask = executor->phase == ExecutorPhase::running && may_listen(*executor, cause);
    executor->phase = ExecutorPhase::terminating;
    executor->awaited = false;
    context.state.timers.clear({TimerKind::executor_subscription, executor->container.value});
    store_executor(context, *executor);
    if (!ask) {
        destroy(context, *executor);
        return;
    }
    v1::executor::Event shutdown;
    shutdown.set_type(v1::executor::Event::SHUTDOWN);
    send_to_executor(context, *executor, std::move(shutdown));
    context.state.timers.set({TimerKind::executor_shutdown, executor->container.value},
                             context.now.instant + grace_of(context, *executor, cause));
}

void end_executors_of(Context& context, const FrameworkId& framework, ExecutorEnd cause) {
    const Framework* known = find_framework(context.state, framework);
    if (known == nullptr) return;
    std::vector<ExecutorId> ids;
    for (const auto& [id, executor] : known->executors) {
        if (executor.kind == ExecutorKind::custom) ids.push_back(id);
    }
    // The last one may take the framework with it.
    for (const ExecutorId& id : ids) end_executor(context, {framework, id}, cause);
}

void kill_in_executor(Context& context, const TaskKey& key, const link::KillTask& kill) {
    State& state = context.state;
    TaskRun& task = *find_task(state, key);
    ExecutorRun& executor = *custom_executor_of(state, task);
    if (task.phase == Phase::ended || executor.end) return;
    if (const auto queued = take_from_queue(executor, key.second); !queued.empty()) {
        for (const TaskId& id : queued) {
            finish_task(context, *find_task(state, {key.first, id}),
                        {.state = v1::TASK_KILLED,
                         .reason = Status::REASON_TASK_KILLED_DURING_LAUNCH,
                         .message = "Task killed before it was handed to its executor"});
        }
        end_if_unused(context, executor);
        return;
    }
    const Duration grace = kill.kill_policy().has_grace_period()
                               ? Duration{kill.kill_policy().grace_period().nanoseconds()}
                               : default_grace(state, task);
    task.ending = Ending{.cause = EndCause::kill,
                         .grace = std::max(Duration::zero(), grace),
                         .asked = context.now.instant};
    // It is repeated when the executor subscribes again.
    if (find_framework(state, key.first)->info.checkpoint()) {
        write_checkpoint(context, {task_state_write(task)});
    }
    send_kill(context, executor, task);
}

void end_if_unused(Context& context, const ExecutorRun& executor) {
    if (executor.used || executor.end || !executor.queue.empty()) return;
    if (!live_tasks_of(context.state, executor).empty()) return;
    end_executor(context, key_of(executor), ExecutorEnd::never_used);
}

void on_subscription_due(Context& context, const ContainerId& container) {
    const ExecutorRun* executor = find_executor(context.state, container);
    if (executor == nullptr || executor->phase != ExecutorPhase::running) return;
    if (executor->joined) return;
    const ExecutorEnd cause =
        executor->awaited ? ExecutorEnd::reregistration_timeout : ExecutorEnd::registration_timeout;
    context.log(Severity::warning, "executor {} of framework {} did not subscribe in time",
                executor->info.executor_id().value(), executor->framework);
    end_executor(context, key_of(*executor), cause);
}

void on_executor_grace_over(Context& context, const ContainerId& container) {
    ExecutorRun* executor = find_executor(context.state, container);
    if (executor == nullptr || executor->phase != ExecutorPhase::terminating) return;
    destroy(context, *executor);
}

void executor_exited(Context& context, const ExecutorKey& key,
                     std::optional<std::int32_t> wait_status,
                     const std::optional<Limitation>& limitation, const std::string& why_unknown) {
    ExecutorRun* executor = find_executor(context.state, key);
    if (executor == nullptr || executor->phase == ExecutorPhase::ended) return;
    UpdateSpec last = failed(Status::REASON_EXECUTOR_TERMINATED, why_unknown);
    if (limitation) {
        last = limited(context.state, key.first, *limitation);
    }
    if (const auto asked = state_of_cause(context, *executor)) last = *asked;
    context.log(Severity::info, "executor {} of framework {} ended: {}", key.second, key.first,
                wait_status ? describe_exit(*wait_status) : why_unknown);
    finish_executor(context, key, wait_status, last);
}

void executor_failed(Context& context, const ExecutorKey& key,
                     const ContainerLaunchFailed& failure) {
    State& state = context.state;
    ExecutorRun* executor = find_executor(state, key);
    if (executor == nullptr || executor->phase == ExecutorPhase::ended) return;
    ++state.counters.container_launch_errors;
    context.log(Severity::warning, "executor {} of framework {} could not be launched: {}",
                key.second, key.first, failure.error.text);
    UpdateSpec last = failed(Status::REASON_CONTAINER_LAUNCH_FAILED,
                             "Failed to launch container: " + failure.error.text);
    if (failure.sandbox_failed) {
        last.state = dropped_or_lost(&find_framework(state, key.first)->info);
        last.reason = Status::REASON_EXECUTOR_TERMINATED;
        last.message = failure.error.text;
    }
    finish_executor(context, key, std::nullopt, last);
}

void finish_executor(Context& context, ExecutorKey key, std::optional<std::int32_t> wait_status,
                     const UpdateSpec& last) {
    State& state = context.state;
    ExecutorRun& executor = *find_executor(state, key);
    executor.phase = ExecutorPhase::ended;
    ++state.counters.executors_terminated;
    executor.wait_status = wait_status;
    executor.awaited = false;
    executor.queue.clear();
    close_stream(context, executor);
    clear_timers(context, executor.container);
    sandbox_ended(context, executor.container);
    store_executor(context, executor);
    tell_executor_exited(context, key, wait_status);
    std::vector<TaskId> ids;
    for (const TaskRun* task : live_tasks_of(state, executor)) {
        ids.emplace_back(task->info.task_id().value());
    }
    for (const TaskId& id : ids) {
        // The last of a framework that is shutting down takes everything with it.
        if (TaskRun* task = find_task(state, TaskKey{key.first, id})) {
            finish_task(context, *task, last);
        }
    }
    std::vector<CheckpointWrite> writes;
    std::vector<ForgetAfter> after;
    complete_executor(context, key, writes, after);
    complete_framework(context, key.first, writes);
    store_completion(context, std::move(writes), after);
    end_if_shut_down(context);
}

void tell_executor_exited(Context& context, const ExecutorKey& key,
                          std::optional<std::int32_t> wait_status) {
    // A master that is away learns it at the next registration: the executor is not listed.
    Registration& registration = context.state.registration;
    if (registration.phase == RegistrationPhase::disconnected) return;
    link::ToMaster frame;
    link::ExecutorExited& exited = *frame.mutable_executor_exited();
    exited.mutable_framework_id()->set_value(key.first.value);
    exited.mutable_executor_id()->set_value(key.second.value);
    exited.set_status(wait_status.value_or(-1));
    if (registration.phase == RegistrationPhase::registering) {
        registration.late_exits.push_back(std::move(frame));
    } else {
        send_to_master(context, std::move(frame));
    }
}

}  // namespace tepui::agent
