#pragma once

#include <functional>
#include <string>

#include "master/core/tasks.h"
#include "master/core/turn.h"

// How the master loses an agent: disconnected (its connection broke; it may come back as if nothing
// had been), unreachable (pings or the time to return ran out), removed (it left, or was replaced).
// Unreachable and removed are in the registry before anybody is told.
namespace tepui::master {

/// Nothing can be sent to it: no offers on it, and frameworks without checkpointing lose its tasks.
void disconnect_agent(Turn& turn, Agent& agent);
/// Lets go of its connection, without any consequence.
void unbind_agent(Turn& turn, Agent& agent);

/// Called when it is its turn (removals.h).
void begin_unreachable(Turn& turn, Agent& agent, std::string message);
/// The same for one that is not back since this master began.
void begin_unreachable_recovered(Turn& turn, const AgentId& id, std::string message);
void on_unreachable_stored(Turn& turn, const UnreachableStored& stored);

/// `counter`: the metric that tells why; may be empty.
void begin_removal(Turn& turn, Agent& agent, std::string message, std::string counter);
void on_agent_removal_stored(Turn& turn, const AgentRemovalStored& stored);

/// Takes a registered agent out of all tables, with FAILURE for all frameworks. `end` tells what
/// becomes of a framework's tasks there.
void dissolve(Turn& turn, Agent& agent, const std::function<MasterStatus(const Framework&)>& end);
/// FAILURE of the agent, to every connected framework.
void tell_failure(Turn& turn, const AgentId& id);

}  // namespace tepui::master
