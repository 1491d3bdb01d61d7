#pragma once

#include <string>

#include "master/core/turn.h"

// The two operations of ACCEPT that start something: LAUNCH and LAUNCH_GROUP.
namespace tepui::master {

/// The offers of one ACCEPT while its operations run. `remaining` and `set_aside` are still offered
/// in the ledger.
struct Pool {
    Framework& framework;
    Agent& agent;
    std::string role;
    Resources remaining;
    Resources set_aside = {};  // Not for the operations that follow.
};

/// Tells the framework that a task was not launched; nothing is kept of it.
void refuse_task(Turn& turn, const Framework& framework, const mesos::v1::TaskInfo& task,
                 mesos::v1::TaskState state, mesos::v1::TaskStatus::Reason reason,
                 std::string message);

/// Each task by itself: those that are in order and fit the pool are launched, each of the others
/// gets TASK_ERROR. An executor that is new on the agent is charged with the first task of it.
void run_launch(Turn& turn, Pool& pool, mesos::v1::Offer::Operation& operation);

/// All tasks or none: one that is not in order, or an executor that is not, ends all in TASK_ERROR.
void run_launch_group(Turn& turn, Pool& pool, mesos::v1::Offer::Operation& operation);

}  // namespace tepui::master
