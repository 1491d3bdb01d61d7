#include "sim/ground_truth.h"

#include <sys/wait.h>

#include <algorithm>

#include <fmt/format.h>

#include "resources/task_state.h"

namespace tepui::sim {

void GroundTruth::launch_asked(const TaskKey& task, std::optional<Placement> placement) {
    asked_.insert(task);
    if (placement) lives_[task].placement = std::move(placement);
}

void GroundTruth::each_placed(const ExecutorKey& executor, const AgentId& agent,
                              const std::function<void(Life&)>& visit) {
    const TaskKey first{executor.first, TaskId{}};
    for (auto it = lives_.lower_bound(first);
         it != lives_.end() && it->first.first == executor.first; ++it) {
        const auto& placement = it->second.placement;
        if (placement && placement->agent == agent && placement->executor == executor.second) {
            visit(it->second);
        }
    }
}

void GroundTruth::executor_ended(const ExecutorKey& executor, const AgentId& agent) {
    each_placed(executor, agent, [](Life& life) {
        // What a pod ran and what had ended before, its agent has seen.
        const bool seen = life.placement->group > 0 && life.status;
        if (!life.settled && !seen) life.executor_ended = true;
    });
}

void GroundTruth::agent_died(const AgentId& agent) {
    for (auto& [task, life] : lives_) {
        if (life.starts == 0 && life.placement && life.placement->agent == agent)
            life.agent_died = true;
    }
}

void GroundTruth::shutdown_asked(const ExecutorKey& executor, const AgentId& agent) {
    shutdowns_.emplace(executor, agent);
}

void GroundTruth::told_to_end(const ExecutorKey& executor, const AgentId& agent) {
    // Otherwise the framework ended, or no task ever reached it: nobody is told of its tasks.
    if (!shutdowns_.contains({executor, agent})) return;
    each_placed(executor, agent, [](Life& life) { life.kill_asked = true; });
}

void GroundTruth::process_started(const TaskKey& task) {
    ++starts_;
    if (++lives_[task].starts > 1)
        breach(fmt::format("I3: {} of {} started twice", task.second, task.first));
    if (!asked_.contains(task))
        breach(
            fmt::format("I3: {} of {} started though nobody launched it", task.second, task.first));
}

bool GroundTruth::started(const TaskKey& task) const {
    const auto it = lives_.find(task);
    return it != lives_.end() && it->second.starts > 0;
}

int GroundTruth::called_off() const {
    return static_cast<int>(std::ranges::count_if(lives_, [](const auto& entry) {
        return entry.second.kill_asked && entry.second.starts == 0;
    }));
}

void GroundTruth::told(const TaskKey& task, const mesos::v1::TaskStatus& status,
                       bool lost_is_final) {
    const mesos::v1::TaskState state = status.state();
    if (status.has_uuid()) check_order(task, status);
    const auto ended = terminal_.find(task);
    // A RECONCILE that crosses the word of a refused launch is answered by its agent's state.
    const bool crossed = state == mesos::v1::TASK_UNREACHABLE &&
                         status.reason() == mesos::v1::TaskStatus::REASON_RECONCILIATION &&
                         !started(task);
    if (ended != terminal_.end() && !is_terminal(state) && state != mesos::v1::TASK_UNKNOWN &&
        !crossed) {
        if (lost_is_final || ended->second != mesos::v1::TASK_LOST) {
            breach(fmt::format("I5: {} of {} went from {} to {}", task.second, task.first,
                               mesos::v1::TaskState_Name(ended->second),
                               mesos::v1::TaskState_Name(state)));
        }
    }
    if (!is_terminal(state)) return;
    if (!fits(task, lives_[task], state)) {
        breach(fmt::format("I5: {} of {} was called {}, but {}", task.second, task.first,
                           mesos::v1::TaskState_Name(state), end_of(task)));
    }
    // Its agent was removed, and may come back with it when it did not hear of that.
    if (state == mesos::v1::TASK_LOST &&
        status.reason() == mesos::v1::TaskStatus::REASON_AGENT_REMOVED)
        return;
    terminal_.insert_or_assign(task, state);
}

void GroundTruth::check_order(const TaskKey& task, const mesos::v1::TaskStatus& status) {
    Life& life = lives_[task];
    const mesos::v1::TaskState state = status.state();
    const int rank = state == mesos::v1::TASK_STARTING  ? 1
                     : state == mesos::v1::TASK_RUNNING ? 2
                     : state == mesos::v1::TASK_KILLING ? 3
                                                        : 4;
    // The next update is sent only when its predecessor was acknowledged: only the newest comes
    // again. And it is sent only when it is stored: one that a crash made forgotten would come as
    // another one of the same state.
    const bool repeated = !life.uuids.insert(status.uuid()).second;
    if (repeated ? status.uuid() != life.last_uuid : rank <= life.rank) {
        breach(fmt::format("I5: an update of {} of {} came out of order: {}", task.second,
                           task.first, mesos::v1::TaskState_Name(state)));
    }
    life.last_uuid = status.uuid();
    life.rank = std::max(life.rank, rank);
}

bool GroundTruth::unlaunched_by_request(const TaskKey& task, const Life& life) const {
    if (!life.placement || life.starts > 0) return false;
    return shutdowns_.contains({{task.first, life.placement->executor}, life.placement->agent});
}

bool GroundTruth::sibling_ended(const TaskKey& task, const Life& life) const {
    if (!life.placement || life.placement->group == 0) return false;
    return std::ranges::any_of(lives_, [&](const auto& entry) {
        const auto& [other, its] = entry;
        return other.first == task.first && other.second != task.second &&
               its.placement == life.placement &&
               (its.kill_asked || its.launch_failed || its.machine_lost || its.executor_ended ||
                (its.agent_died && its.starts == 0) || its.status.value_or(0) != 0);
    });
}

bool GroundTruth::fits(const TaskKey& task, const Life& life, mesos::v1::TaskState state) const {
    switch (state) {
        case mesos::v1::TASK_FINISHED: return life.status == 0;
        // A signal is never the task's own end here: only kills send them, and the cause is stored
        // first.
        case mesos::v1::TASK_FAILED:
            return life.launch_failed || life.machine_lost || life.executor_ended ||
                   life.sent_away || unlaunched_by_request(task, life) ||
                   // With the executor that was to run it.
                   (life.agent_died && life.starts == 0 && life.placement->group == 0) ||
                   (life.status && WIFEXITED(*life.status) && *life.status != 0);
        case mesos::v1::TASK_KILLED:
            return life.kill_asked || life.sent_away || sibling_ended(task, life);
        default: return true;
    }
}

bool GroundTruth::fits_the_end(const TaskKey& task, mesos::v1::TaskState state) const {
    const auto it = lives_.find(task);
    if (it == lives_.end()) return true;
    const Life& life = it->second;
    const bool by_itself =
        state == mesos::v1::TASK_FINISHED || state == mesos::v1::TASK_FAILED ||
        state == mesos::v1::TASK_KILLED ||
        (life.displaced && (state == mesos::v1::TASK_GONE || state == mesos::v1::TASK_LOST));
    // What ran and ended on a machine that stayed up is reported with its end, whoever crashed.
    // But what an executor ran, and had not been able to tell before its own end.
    const bool witnessed =
        !life.placement || (life.placement->group > 0 ? !life.executor_ended : life.settled);
    if (life.starts > 0 && life.status && witnessed && !life.machine_lost && !by_itself)
        return false;
    return fits(task, life, state);
}

std::string GroundTruth::end_of(const TaskKey& task) const {
    const auto it = lives_.find(task);
    if (it == lives_.end() || it->second.starts == 0) return "it never ran";
    const Life& life = it->second;
    return fmt::format("it {}{}{}{}",
                       life.status ? fmt::format("ended with {}", *life.status) : "did not end",
                       life.machine_lost ? ", its machine was booted" : "",
                       life.executor_ended ? ", its executor ended" : "",
                       life.kill_asked ? ", a kill was sent" : "");
}

}  // namespace tepui::sim
