#include <algorithm>
#include <set>
#include <utility>

#include "agent/core/ending.h"
#include "agent/core/executor_ending.h"
#include "agent/core/executors.h"
#include "agent/core/pods.h"
#include "agent/core/updates.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

/// Groups of which a task is gone or was told to go, other than FINISHED.
std::set<std::uint64_t> doomed_groups(const Framework& framework, const ExecutorId& pod) {
    std::set<std::uint64_t> groups;
    for (const auto& [id, task] : framework.tasks) {
        if (task.executor != pod) continue;
        const bool asked = task.ending && (task.ending->cause == EndCause::kill ||
                                           task.ending->cause == EndCause::kill_during_launch ||
                                           task.ending->cause == EndCause::sibling);
        const bool fell = task.phase == Phase::ended && task.state != v1::TASK_FINISHED;
        if (asked || fell) groups.insert(task.pod.group);
    }
    return groups;
}

std::vector<TaskId> siblings_of_the_fallen(const Framework& framework, const ExecutorId& pod) {
    const std::set<std::uint64_t> doomed = doomed_groups(framework, pod);
    std::vector<TaskId> ids;
    for (const auto& [id, task] : framework.tasks) {
        if (task.executor == pod && task.phase != Phase::ended && !task.ending &&
            doomed.contains(task.pod.group)) {
            ids.push_back(id);
        }
    }
    return ids;
}

/// Takes groups out of the queue whose tasks were ended before their launch.
void drop_ended_groups(State& state, ExecutorRun& pod) {
    std::erase_if(pod.queue, [&](const QueuedLaunch& group) {
        return std::any_of(group.tasks.begin(), group.tasks.end(), [&](const TaskId& id) {
            const TaskRun* task = find_task(state, TaskKey{pod.framework, id});
            return task == nullptr || task->phase == Phase::ended;
        });
    });
}

void end_pod(Context& context, ExecutorRun& pod) {
    if (pod.phase == ExecutorPhase::persisting) {
        finish_executor(context,
                        ExecutorKey{pod.framework, ExecutorId{pod.info.executor_id().value()}},
                        std::nullopt,
                        {.state = v1::TASK_KILLED,
                         .reason = Status::REASON_TASK_KILLED_DURING_LAUNCH,
                         .message = "Task killed before its container had started"});
        return;
    }
    pod.phase = ExecutorPhase::terminating;
    if (!pod.end) pod.end = ExecutorEnd::asked;
    store_executor(context, pod);
    if (!std::exchange(pod.destroyed, true)) {
        context.effects.push_back(DestroyContainer{pod.container});
    }
}

}  // namespace

void pod_exited(Context& context, ExecutorRun& pod, const ContainerExited& exited) {
    // One that was told to end holds no more than its place: how it let go says nothing.
    const bool orderly = pod.phase == ExecutorPhase::terminating;
    executor_exited(context, ExecutorKey{pod.framework, ExecutorId{pod.info.executor_id().value()}},
                    orderly ? 0 : exited.status, orderly ? std::nullopt : exited.limitation);
}

void settle_pod(Context& context, const ExecutorKey& key) {
    State& state = context.state;
    const auto lives = [&]() -> ExecutorRun* {
        ExecutorRun* pod = find_executor(state, key);
        if (pod == nullptr || pod->kind != ExecutorKind::pod) return nullptr;
        return pod->phase == ExecutorPhase::ended ? nullptr : pod;
    };
    if (state.recovering || lives() == nullptr) return;
    for (const TaskId& id : siblings_of_the_fallen(*find_framework(state, key.first), key.second)) {
        // The end of one may have settled all of them.
        const TaskRun* task = find_task(state, TaskKey{key.first, id});
        if (task == nullptr || task->phase == Phase::ended || task->ending) continue;
        end_task(context, {key.first, id}, EndCause::sibling, default_grace(state, *task));
    }
    ExecutorRun* pod = lives();
    if (pod == nullptr) return;
    drop_ended_groups(state, *pod);
    if (live_tasks_of(state, *pod).empty()) {
        end_pod(context, *pod);
    } else if (pod->phase == ExecutorPhase::running && pod->queue.empty()) {
        follow_tasks(context, *pod);
    }
}

void shutdown_pod(Context& context, const ExecutorKey& key) {
    ExecutorRun* pod = find_executor(context.state, key);
    if (pod == nullptr || pod->phase == ExecutorPhase::ended || pod->end) return;
    pod->end = ExecutorEnd::asked;  // No further group is taken.
    store_executor(context, *pod);
    const Duration most = pod->grace;
    std::vector<TaskId> ids;
    for (const TaskRun* task : live_tasks_of(context.state, *pod)) {
        ids.emplace_back(task->info.task_id().value());
    }
    for (const TaskId& id : ids) {
        const TaskRun* task = find_task(context.state, TaskKey{key.first, id});
        if (task == nullptr) continue;
        end_task(context, {key.first, id}, EndCause::kill,
                 std::min(most, default_grace(context.state, *task)));
    }
    settle_pod(context, key);
}

void recover_pod(Context& context, const ExecutorKey& key, const FoundContainer* found) {
    State& state = context.state;
    ExecutorRun& pod = *find_executor(state, key);
    const UpdateSpec terminated{.state = v1::TASK_FAILED,
                                .reason = Status::REASON_EXECUTOR_TERMINATED,
                                .message = "Executor terminated"};
    if (pod.phase == ExecutorPhase::ended) {
        // The crash may have come after the last of its tasks was acknowledged.
        finish_executor(context, key, pod.wait_status, terminated);
        return;
    }
    if (found == nullptr || !found->running) {
        const bool orderly = pod.phase == ExecutorPhase::terminating;
        executor_exited(context, key,
                        orderly            ? std::optional<std::int32_t>{0}
                        : found == nullptr ? std::nullopt
                                           : found->status,
                        orderly || found == nullptr ? std::nullopt : found->limitation);
        return;
    }
    pod.pid = found->pid;
    pod.pod.updates_done = pod.updates_asked;
    if (pod.phase != ExecutorPhase::terminating) {
        if (pod.phase != ExecutorPhase::running) pod.started = context.now.wall;
        pod.phase = ExecutorPhase::running;
        store_executor(context, pod);
    }
    settle_pod(context, key);
}

}  // namespace tepui::agent
