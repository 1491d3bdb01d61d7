#pragma once

#include <optional>

#include "master/core/turn.h"

// Custom and default executors on agents, as far as they matter to the master: each holds its own
// resources on its agent from the launch that made it new until the agent says that it ended, or
// everything there does. Agents are the truth; a command task has no executor here.
namespace tepui::master {

/// The executor of that id there, or null.
const Executor* find_executor(const Agent& agent, const FrameworkId& framework,
                              const ExecutorId& id);

/// Takes an executor into its agent's table. The caller has charged its resources to the ledger.
void add_executor(Turn& turn, Agent& agent, const FrameworkId& framework, Executor executor);

/// Takes one out and frees its resources; false when there is none.
bool remove_executor(Turn& turn, Agent& agent, const FrameworkId& framework, const ExecutorId& id);
/// The same for all that a framework has there.
void remove_executors(Turn& turn, Agent& agent, const FrameworkId& framework);

/// Tells the framework of an executor's end: FAILURE. `status` as wait(2) gives it, -1 when nobody
/// knows it. Dropped while the framework is away.
void tell_executor_failure(Turn& turn, const FrameworkId& framework, const AgentId& agent,
                           const ExecutorId& id, std::int32_t status);

/// An executor's end as its agent tells it. Of one that is not known (its framework ended) nothing
/// is told.
void on_executor_exited(Turn& turn, Agent& agent, const link::ExecutorExited& exited);

/// SHUTDOWN: passed to the agent. An executor or agent that is not there is ignored.
void on_shutdown(Turn& turn, const Framework& framework,
                 const mesos::v1::scheduler::Call::Shutdown& shutdown);

/// MESSAGE of a scheduler: passed to the agent, whichever executors are known there; best effort.
void on_message(Turn& turn, const Framework& framework,
                mesos::v1::scheduler::Call::Message message);

/// A message of an executor to its scheduler; best effort.
void on_executor_message(Turn& turn, const Agent& agent, link::ExecutorMessage message);

}  // namespace tepui::master
