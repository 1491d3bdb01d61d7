#include "agent/core/executor_recovery.h"

#include "agent/core/completion.h"
#include "agent/core/executor_ending.h"
#include "agent/core/executors.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

/// An executor that was never seen running and whose container is nowhere.
void give_up_unstarted(Context& context, const ExecutorKey& key) {
    const Framework& framework = *find_framework(context.state, key.first);
    finish_executor(context, key, std::nullopt,
                    {.state = dropped_or_lost(&framework.info),
                     .reason = Status::REASON_AGENT_RESTARTED,
                     .message = "The agent restarted before the task's executor had started"});
}

}  // namespace

void recover_executor(Context& context, const ExecutorKey& key, const FoundContainer* found) {
    State& state = context.state;
    ExecutorRun& executor = *find_executor(state, key);
    if (executor.phase == ExecutorPhase::ended) {
        // The crash may have come before the end of all its tasks was stored, or after the last
        // was acknowledged.
        finish_executor(context, key, executor.wait_status,
                        {.state = v1::TASK_FAILED,
                         .reason = Status::REASON_EXECUTOR_TERMINATED,
                         .message = "Executor terminated"});
        return;
    }
    const bool started = executor.phase == ExecutorPhase::running || executor.end.has_value();
    if (found == nullptr && !started) return give_up_unstarted(context, key);
    if (found == nullptr) {
        executor_exited(context, key, std::nullopt, std::nullopt,
                        state.boot_changed
                            ? "Executor terminated: the machine was booted again"
                            : "Executor terminated: its container was gone when the agent came "
                              "back");
        return;
    }
    if (!found->running) {
        executor_exited(context, key, found->status, found->limitation);
        return;
    }
    executor.pid = found->pid;
    executor.container_status = found->container_status;
    if (executor.started.since_epoch == Duration::zero()) executor.started = context.now.wall;
    if (executor.end) {
        // It hears SHUTDOWN again if it comes back; its grace begins anew.
        executor.phase = ExecutorPhase::terminating;
        state.timers.set({TimerKind::executor_shutdown, executor.container.value},
                         context.now.instant + executor.grace);
        return;
    }
    executor.phase = ExecutorPhase::running;
    executor.awaited = true;
    state.timers.set({TimerKind::executor_subscription, executor.container.value},
                     context.now.instant + state.config.executor_reregistration_timeout);
    store_executor(context, executor);
}

bool awaits_executors(const State& state) {
    for (const auto& [container, key] : state.executor_containers) {
        if (state.frameworks.at(key.first).executors.at(key.second).awaited) return true;
    }
    return false;
}

}  // namespace tepui::agent
