#pragma once

#include "master/core/turn.h"

namespace tepui::master {

/// RECONCILE: without tasks the state of every known one, else of each that is named. What this
/// master cannot know yet, because agents are still on their way back, gets no answer.
void on_reconcile(Turn& turn, const Framework& framework,
                  const mesos::v1::scheduler::Call::Reconcile& reconcile);
/// One explicit answer; also what KILL of an unknown task becomes.
void reconcile_task(Turn& turn, const Framework& framework, const TaskId& task,
                    const std::optional<AgentId>& agent);

/// RECONCILE_OPERATIONS: this master has none, so only explicit questions have answers.
void on_reconcile_operations(Turn& turn, const Framework& framework,
                             const mesos::v1::scheduler::Call::ReconcileOperations& reconcile);

}  // namespace tepui::master
