#include "agent/core/ending.h"

#include <csignal>
#include <cstring>

#include "agent/core/checkpoint.h"
#include "agent/core/checks.h"
#include "agent/core/completion.h"
#include "agent/core/displacement.h"
#include "agent/core/executor_ending.h"
#include "agent/core/oversubscription.h"
#include "agent/core/pods.h"
#include "agent/core/sandboxes.h"
#include "agent/core/updates.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

/// The parts of a wait(2) status on Linux: low 7 bits the signal (0: an exit), bit 7 a core dump,
/// the next 8 bits the exit code. A core takes no system header.
struct WaitStatus {
    std::int32_t raw;

    int signal() const { return raw & 0x7f; }
    bool has_exited() const { return signal() == 0; }
    int exit_code() const { return (raw >> 8) & 0xff; }
    bool dumped_core() const { return (raw & 0x80) != 0; }
};

constexpr std::string_view killed_early = "Task killed before its container had started";

TaskKey key_of(const TaskRun& task) {
    return {task.framework, TaskId{task.info.task_id().value()}};
}

bool checkpoints(State& state, const TaskRun& task) {
    const Framework* framework = find_framework(state, task.framework);
    return framework != nullptr && framework->info.checkpoint();
}

/// What the framework is told of an end that it did not ask for.
std::string with_departure(const TaskRun& task, const std::string& message) {
    const bool leaves = task.ending && task.ending->cause == EndCause::departure;
    return leaves ? "The agent is shutting down: " + message : message;
}

UpdateSpec killed_during_launch(const TaskRun& task) {
    return {.state = v1::TASK_KILLED,
            .reason = Status::REASON_TASK_KILLED_DURING_LAUNCH,
            .message = with_departure(task, std::string(killed_early))};
}

/// Whether the new grace ends earlier than the old one would.
bool shorten(Ending& ending, Duration grace) {
    if (grace >= ending.grace) return false;
    ending.grace = grace;
    return true;
}

void ask_running(Context& context, TaskRun& task, EndCause cause) {
    const Framework* framework = find_framework(context.state, task.framework);
    const bool tell =
        (cause == EndCause::kill || cause == EndCause::unhealthy || cause == EndCause::sibling ||
         cause == EndCause::drain) &&
        framework != nullptr &&
        has_capability(framework->info, v1::FrameworkInfo::Capability::TASK_KILLING_STATE);
    if (tell) {
        report(context, task, {{.state = v1::TASK_KILLING, .source = Status::SOURCE_EXECUTOR}});
    }
    // Were SIGTERM sent before the cause is durable, a crash in between would make the end look
    // like the task's own.
    if (checkpoints(context.state, task)) {
        write_checkpoint(context, {task_state_write(task)}, {SignalAfter{task.container}});
    } else {
        on_signal_durable(context, task.container);
    }
}

void set_escalation(Context& context, const TaskRun& task) {
    context.state.timers.set({TimerKind::escalation, task.container.value},
                             task.ending->asked + task.ending->grace);
}

/// A second reason to end, or a second kill.
void end_again(Context& context, TaskRun& task, EndCause cause, Duration grace) {
    if (cause == EndCause::framework_shutdown) task.ending->cause = cause;
    if (task.phase != Phase::running || task.ending->killed) return;
    if (shorten(*task.ending, grace) && task.ending->signalled) set_escalation(context, task);
}

std::optional<UpdateSpec> state_of_cause(const TaskRun& task, const std::string& message) {
    if (!task.ending) return std::nullopt;
    switch (task.ending->cause) {
        case EndCause::kill_during_launch: return killed_during_launch(task);
        case EndCause::max_completion:
            return UpdateSpec{.state = v1::TASK_FAILED,
                              .source = Status::SOURCE_EXECUTOR,
                              .reason = Status::REASON_MAX_COMPLETION_TIME_REACHED,
                              .message = message};
        case EndCause::unhealthy:
            return UpdateSpec{.state = v1::TASK_KILLED,
                              .source = Status::SOURCE_EXECUTOR,
                              .message = message,
                              .healthy = false};
        case EndCause::kill:
        case EndCause::sibling:
        case EndCause::drain:
        case EndCause::departure:
        case EndCause::framework_shutdown: break;
    }
    return UpdateSpec{.state = v1::TASK_KILLED,
                      .source = Status::SOURCE_EXECUTOR,
                      .message = with_departure(task, message)};
}

}  // namespace

void finish_alone(Context& context, TaskRun& task, const UpdateSpec& last) {
    task.phase = Phase::ended;
    if (!task.executor) ++context.state.counters.executors_terminated;
    stop_checks(context, task);
    context.state.timers.clear({TimerKind::escalation, task.container.value});
    context.state.timers.clear({TimerKind::completion, task.container.value});
    if (pod_of(context.state, task) != nullptr) {
        nested_sandbox_ended(context, task.container, task.sandbox);
    } else {
        sandbox_ended(context, task.container);
    }
    const Framework* framework = find_framework(context.state, task.framework);
    if (framework == nullptr || framework->terminating) {
        complete_task(context, key_of(task));
        return;
    }
    Counters& counters = context.state.counters;
    if (last.state == v1::TASK_FINISHED) ++counters.tasks_finished;
    if (last.state == v1::TASK_FAILED) ++counters.tasks_failed;
    if (last.state == v1::TASK_KILLED) ++counters.tasks_killed;
    if (last.state == v1::TASK_LOST || last.state == v1::TASK_DROPPED) ++counters.tasks_lost;
    report(context, task, {last});
}

void finish_task(Context& context, TaskRun& task, const UpdateSpec& last) {
    const TaskKey key = key_of(task);
    const std::optional<ExecutorId> executor = task.executor;
    finish_alone(context, task, last);  // The task may be forgotten by now.
    if (executor) settle_pod(context, {key.first, *executor});
}

std::string describe_exit(std::int32_t wait_status) {
    const WaitStatus status{wait_status};
    if (status.has_exited()) {
        return fmt::format("Command exited with status {}", status.exit_code());
    }
    const int signal = status.signal();
    const char* name = sigdescr_np(signal);  // Not translated, unlike strsignal.
    return fmt::format(
        "Command terminated with signal {}{}",
        name != nullptr ? std::string(name) : fmt::format("Unknown signal {}", signal),
        status.dumped_core() ? " (core dumped)" : "");
}

Duration default_grace(const State& state, const TaskRun& task) {
    if (task.info.kill_policy().has_grace_period()) {
        return std::max(Duration::zero(),
                        Duration{task.info.kill_policy().grace_period().nanoseconds()});
    }
    return state.config.kill_grace;
}

void kill_task(Context& context, const link::KillTask& kill) {
    State& state = context.state;
    const TaskKey key{FrameworkId{kill.framework_id().value()}, TaskId{kill.task_id().value()}};
    const Framework* framework = find_framework(state, key.first);
    if (framework != nullptr && framework->terminating) return;
    const TaskRun* task = find_task(state, key);
    if (task == nullptr) {
        if (state.streams.contains(key)) return;  // It is being reported already.
        report_unrun(context, key,
                     {.state = dropped_or_lost(framework == nullptr ? nullptr : &framework->info),
                      .reason = Status::REASON_EXECUTOR_TERMINATED,
                      .message = "No such task runs on this agent"});
        return;
    }
    if (kill.has_displaced()) note_displacement(context, *task, kill.displaced());
    if (custom_executor_of(state, *task) != nullptr) {
        kill_in_executor(context, key, kill);
        return;
    }
    const Duration grace = kill.kill_policy().has_grace_period()
                               ? Duration{kill.kill_policy().grace_period().nanoseconds()}
                               : default_grace(state, *task);
    const std::optional<ExecutorId> executor = task->executor;
    end_task(context, key, EndCause::kill, std::max(Duration::zero(), grace));
    if (executor) settle_pod(context, {key.first, *executor});
}

void end_task(Context& context, const TaskKey& key, EndCause cause, Duration grace) {
    TaskRun* task = find_task(context.state, key);
    if (task == nullptr) return;
    if (task->phase == Phase::ended) {
        if (cause == EndCause::framework_shutdown) complete_task(context, key);
        return;
    }
    if (custom_executor_of(context.state, *task) != nullptr) return;  // Ends with its executor.
    if (task->ending) {
        end_again(context, *task, cause, grace);
        return;
    }
    task->ending = Ending{.cause = cause, .grace = grace, .asked = context.now.instant};
    stop_checks(context, *task);
    if (task->phase == Phase::running) {
        ask_running(context, *task, cause);
        return;
    }
    if (cause == EndCause::kill || cause == EndCause::sibling || cause == EndCause::drain) {
        task->ending->cause = EndCause::kill_during_launch;
    }
    if (task->phase == Phase::persisting) {
        finish_task(context, *task, killed_during_launch(*task));
        return;
    }
    if (checkpoints(context.state, *task)) write_checkpoint(context, {task_state_write(*task)});
    context.effects.push_back(DestroyContainer{task->container});
}

void on_signal_durable(Context& context, const ContainerId& container) {
    TaskRun* task = find_task(context.state, container);
    if (task == nullptr || task->phase != Phase::running || !task->ending ||
        task->ending->signalled) {
        return;
    }
    task->ending->signalled = true;
    context.effects.push_back(SignalContainer{container, SIGTERM});
    set_escalation(context, *task);
}

void on_escalation(Context& context, const ContainerId& container) {
    TaskRun* task = find_task(context.state, container);
    if (task == nullptr || task->phase != Phase::running || !task->ending) return;
    task->ending->killed = true;
    context.effects.push_back(SignalContainer{container, SIGKILL});
}

void on_completion_time(Context& context, const ContainerId& container) {
    const TaskRun* task = find_task(context.state, container);
    if (task == nullptr || task->phase != Phase::running) return;
    end_task(context, key_of(*task), EndCause::max_completion, default_grace(context.state, *task));
}

void start_completion_timer(Context& context, const TaskRun& task) {
    if (!task.info.has_max_completion_time()) return;
    const Duration allowed{task.info.max_completion_time().nanoseconds()};
    // The wall clock is the only one that goes on over a restart; a jump back must not give time.
    const Duration ran =
        std::max(Duration::zero(), context.now.wall.since_epoch - task.started.since_epoch);
    context.state.timers.set({TimerKind::completion, task.container.value},
                             context.now.instant + std::max(Duration::zero(), allowed - ran));
}

void container_ended(Context& context, TaskRun& task, std::optional<std::int32_t> wait_status,
                     const std::optional<Limitation>& limitation, const std::string& why_unknown) {
    const std::string message = wait_status ? describe_exit(*wait_status) : why_unknown;
    // A pod that falls as a whole takes all its tasks; which of them was heard of first is chance.
    const bool with_pod =
        task.ending && task.ending->cause == EndCause::sibling && (limitation || !wait_status);
    if (const auto asked = with_pod ? std::nullopt : state_of_cause(task, message)) {
        finish_task(context, task, *asked);
    } else if (limitation) {
        finish_task(context, task, limited(context.state, task.framework, *limitation));
    } else if (!wait_status) {
        finish_task(context, task,
                    {.state = v1::TASK_FAILED,
                     .reason = Status::REASON_EXECUTOR_TERMINATED,
                     .message = message});
    } else {
        const WaitStatus status{*wait_status};
        const bool good = status.has_exited() && status.exit_code() == 0;
        finish_task(context, task,
                    {.state = good ? v1::TASK_FINISHED : v1::TASK_FAILED,
                     .source = Status::SOURCE_EXECUTOR,
                     .message = message});
    }
}

void container_failed(Context& context, TaskRun& task, const ContainerLaunchFailed& failure) {
    ++context.state.counters.container_launch_errors;
    context.log(Severity::warning, "task {} of framework {} could not be launched: {}",
                task.info.task_id().value(), task.framework, failure.error.text);
    if (task.ending) {
        finish_task(context, task, killed_during_launch(task));
    } else if (failure.sandbox_failed) {
        const Framework* framework = find_framework(context.state, task.framework);
        finish_task(context, task,
                    {.state = dropped_or_lost(framework ? &framework->info : nullptr),
                     .reason = Status::REASON_EXECUTOR_TERMINATED,
                     .message = failure.error.text});
    } else {
        finish_task(context, task,
                    {.state = v1::TASK_FAILED,
                     .reason = Status::REASON_CONTAINER_LAUNCH_FAILED,
                     .message = "Failed to launch container: " + failure.error.text});
    }
}

}  // namespace tepui::agent
