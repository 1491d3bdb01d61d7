#pragma once

#include <optional>
#include <string_view>

#include "master/core/turn.h"

// Tasks as the master knows them: staging to terminal, acknowledged, unreachable. The agents are
// the truth; this machine follows what they report and speaks for them only when they can't.
namespace tepui::master {

/// `partition_state` for frameworks that are partition-aware, else TASK_LOST.
mesos::v1::TaskState lost_state(const Framework& framework, mesos::v1::TaskState partition_state);

/// A status that the master itself makes: no uuid, so it is never acknowledged.
struct MasterStatus {
    TaskId task;
    mesos::v1::TaskState state;
    std::optional<mesos::v1::TaskStatus::Reason> reason;
    std::string message;
    std::optional<AgentId> agent = std::nullopt;
    std::optional<WallTime> unreachable_since = std::nullopt;
};
mesos::v1::TaskStatus make_status(const MasterStatus& status, WallTime now);

void send_update(Turn& turn, const Framework& framework, mesos::v1::TaskStatus status);

/// Takes a launched or reported task into the framework and its agent. The caller has charged
/// `task.resources` to the ledger when task.charged is set.
void add_task(Turn& turn, Framework& framework, Agent& agent, Task task);

/// Packs the tasks that run, of those that changed: the others are about to change once more.
void pack_quiet_tasks(State& state, const Changes& changes);

/// The newest state of a task; a terminal one frees its resources and is final. `why`: the status
/// that told it, if it is that of `state`.
void set_state(Turn& turn, Framework& framework, Agent& agent, const TaskId& id,
               mesos::v1::TaskState state, const mesos::v1::TaskStatus* why = nullptr);

/// Takes a task off its agent into the completed ring.
void complete_task(Turn& turn, Framework& framework, Agent& agent, const TaskId& id);

/// Ends a task that its agent can't report on: records and sends the update, frees the resources,
/// and moves it to the completed ring, or to the unreachable one when `status` tells since when.
/// A task that is terminal already only moves, silently: its update is the agent's to send.
void end_task(Turn& turn, Framework& framework, Agent& agent, MasterStatus status);

/// Ends a task of an unreachable agent that won't come back. A framework that was told TASK_LOST
/// is told nothing more: to it the task has ended.
void end_unreachable_task(Turn& turn, Framework& framework, MasterStatus status);

/// StatusUpdate of a registered agent: recorded and forwarded; an unknown task's is forwarded too.
void on_status_update(Turn& turn, Agent& agent, link::StatusUpdate update);

/// ACKNOWLEDGE: passed to the agent; the task of an acknowledged terminal update is completed.
void on_acknowledge(Turn& turn, Framework& framework,
                    const mesos::v1::scheduler::Call::Acknowledge& acknowledge);

}  // namespace tepui::master
