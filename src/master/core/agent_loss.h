#pragma once

#include <string>

#include "master/core/turn.h"

// How the master loses an agent: disconnected (its connection broke; it may come back as if nothing
// had been), unreachable (pings or the time to return ran out), removed (it left, or was replaced).
// Unreachable and removed are in the registry before anybody is told.
namespace tepui::master {

/// Nothing can be sent to it: no offers on it, and frameworks without checkpointing lose its tasks.
void disconnect_agent(Turn& turn, Agent& agent);
/// Lets go of its connection, without any consequence.
void unbind_agent(Turn& turn, Agent& agent);

void begin_unreachable(Turn& turn, Agent& agent, std::string message);
void on_unreachable_stored(Turn& turn, const UnreachableStored& stored);

/// `counter`: the metric that tells why.
void begin_removal(Turn& turn, Agent& agent, std::string message, std::string counter);
void on_agent_removal_stored(Turn& turn, const AgentRemovalStored& stored);

/// The time to come back is over, for a disconnected or a recovered agent.
void on_agent_reregister_due(Turn& turn, const AgentId& id);

/// An executor's end as its agent tells it.
void on_executor_exited(Turn& turn, Agent& agent, const link::ExecutorExited& exited);

}  // namespace tepui::master
