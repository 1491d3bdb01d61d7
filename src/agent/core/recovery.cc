#include "agent/core/recovery.h"

#include "agent/core/checkpoint.h"
#include "agent/core/checks.h"
#include "agent/core/completion.h"
#include "agent/core/departure.h"
#include "agent/core/drain.h"
#include "agent/core/ending.h"
#include "agent/core/executor_recovery.h"
#include "agent/core/frameworks.h"
#include "agent/core/nested.h"
#include "agent/core/operations.h"
#include "agent/core/pods.h"
#include "agent/core/sandboxes.h"
#include "agent/core/tasks.h"
#include "agent/core/updates.h"
#include "resources/task_state.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

void tidy_store(Context& context) {
    State& state = context.state;
    for (LogLine& line : state.load_log) context.effects.push_back(std::move(line));
    state.load_log.clear();
    std::vector<CheckpointWrite> writes;
    for (const std::string& key : state.broken_keys) writes.push_back({key, std::nullopt});
    state.broken_keys.clear();
    if ((state.boot_changed || state.reconfigured) && state.id)
        writes.push_back(identity_write(state));
    if (!writes.empty()) write_checkpoint(context, std::move(writes));
}

/// A task that was never seen running and whose container is nowhere.
void give_up_unstarted(Context& context, TaskRun& task) {
    if (task.ending) {
        container_failed(context, task, {task.container, Error{Errc::cancelled, "killed"}});
        return;
    }
    const Framework* framework = find_framework(context.state, task.framework);
    task.phase = Phase::ended;
    ++context.state.counters.tasks_lost;
    report(context, task,
           {{.state = dropped_or_lost(&framework->info),
             .reason = Status::REASON_AGENT_RESTARTED,
             .message = "The agent restarted before the task's container had started"}});
}

/// An ended task whose update was lost to a damaged checkpoint: the state is said again.
void say_again(Context& context, TaskRun& task) {
    if (task.phase != Phase::ended || !is_terminal(task.state)) return;
    const TaskKey key{task.framework, TaskId{task.info.task_id().value()}};
    if (!context.state.streams.at(key).queue.empty()) return;
    report(context, task, {{.state = task.state}});
}

void recover_task(Context& context, const TaskKey& key, const FoundContainer* found) {
    TaskRun* task = find_task(context.state, key);
    if (task->phase == Phase::ended) {
        say_again(context, *task);
        return;
    }
    if (found == nullptr) {
        if (task->phase != Phase::running) {
            give_up_unstarted(context, *task);
        } else {
            container_ended(context, *task, std::nullopt, std::nullopt,
                            context.state.boot_changed
                                ? "Executor terminated: the machine was booted again"
                                : "Executor terminated: its container was gone when the agent "
                                  "came back");
        }
        return;
    }
    if (!found->running) {
        container_ended(context, *task, found->status, found->limitation);
        return;
    }
    if (task->phase != Phase::running) {
        // The agent died between the launch and the checkpoint of its success.
        task->phase = Phase::launching;
        on_container_started(context,
                             {task->container, found->pid, found->container_status, found->data});
        return;
    }
    task->pid = found->pid;
    task->container_status = found->container_status;
    start_completion_timer(context, *task);
    start_checks(context, *task);
    if (task->ending) on_signal_durable(context, task->container);
}

/// What the master was last told, as far as it is known: for ReregisterAgent.
void restore_forwarded(State& state) {
    for (auto& [key, stream] : state.streams) {
        TaskRun* task = find_task(state, key);
        if (task == nullptr || task->statuses.empty()) continue;
        const Status& last =
            stream.queue.empty() ? task->statuses.back() : stream.queue.front().status;
        task->forwarded_state = last.state();
        task->forwarded_uuid = last.uuid();
    }
}

}  // namespace

void recover_agent(Context& context, std::vector<FoundContainer> found) {
    State& state = context.state;
    if (state.refused) {
        context.effects.push_back(EndAgent{*state.refused});
        return;
    }
    state.recovering = true;
    tidy_store(context);
    recover_operations(context);
    restore_forwarded(state);
    std::map<ContainerId, const FoundContainer*> by_id;
    for (const FoundContainer& container : found) {
        if (state.containers.contains(container.container) ||
            state.executor_containers.contains(container.container) ||
            state.nested.contains(container.container)) {
            by_id.emplace(container.container, &container);
        } else if (container.running) {
            context.log(Severity::warning, "destroying container {}: no checkpoint owns it",
                        container.container);
            context.effects.push_back(DestroyContainer{container.container});
        }
    }
    std::vector<std::pair<ContainerId, TaskKey>> tasks(state.containers.begin(),
                                                       state.containers.end());
    for (const auto& [container, key] : tasks) {
        const TaskRun* task = find_task(state, key);
        // A framework that was being shut down goes on being so.
        if (task->ending && task->ending->cause == EndCause::framework_shutdown) {
            find_framework(state, key.first)->terminating = true;
        }
    }
    const auto executors = state.executor_containers;
    for (const auto& [container, key] : executors) {
        if (find_executor(state, key)->end == ExecutorEnd::framework_shutdown) {
            find_framework(state, key.first)->terminating = true;
        }
    }
    for (const auto& [container, key] : executors) {
        const ExecutorRun* executor = find_executor(state, key);
        if (executor == nullptr || executor->kind != ExecutorKind::custom) continue;
        const auto it = by_id.find(container);
        recover_executor(context, key, it == by_id.end() ? nullptr : it->second);
    }
    for (const auto& [container, key] : tasks) {
        const TaskRun* task = find_task(state, key);
        if (task == nullptr) continue;  // It went with its executor.
        if (custom_executor_of(state, *task) != nullptr) {
            say_again(context, *find_task(state, key));
            continue;
        }
        const auto it = by_id.find(container);
        recover_task(context, key, it == by_id.end() ? nullptr : it->second);
    }
    state.recovering = false;
    for (const auto& [container, key] : executors) {
        const ExecutorRun* pod = find_executor(state, key);
        if (pod == nullptr || pod->kind != ExecutorKind::pod) continue;
        const auto it = by_id.find(container);
        recover_pod(context, key, it == by_id.end() ? nullptr : it->second);
    }
    recover_nested(context, found);
    // The crash may have come when the end of only some of its tasks was stored.
    std::vector<FrameworkId> terminating;
    for (const auto& [id, framework] : state.frameworks) {
        if (framework.terminating) terminating.push_back(id);
    }
    for (const FrameworkId& id : terminating) end_tasks_of(context, id);
    recover_sandboxes(context);
    recover_drain(context);
    if (state.config.recover == RecoverMode::cleanup) on_departure_requested(context);
}

}  // namespace tepui::agent
