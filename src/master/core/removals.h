#pragma once

#include <string>

#include "master/core/turn.h"

// The order in which failed agents are given up. Many that fail at once are rather a broken switch
// than broken machines, so --agent_removal_rate_limit spreads them, and a new master whose agents
// mostly stay away ends instead (--recovery_agent_removal_limit).
namespace tepui::master {

/// The agent (registered or recovered) failed: it is marked unreachable when it is its turn. Called
/// again while it waits, nothing changes.
void schedule_unreachable(Turn& turn, const AgentId& id, std::string message);
/// It is there after all (a late pong, a registration), or is removed otherwise.
void cancel_unreachable(Turn& turn, const AgentId& id);

/// The next token is there.
void on_removal_due(Turn& turn);
/// Recovered agents had their time to come back.
void on_recovery_due(Turn& turn);
/// A disconnected agent had its time to come back, or a registration that was under way did not
/// end.
void on_agent_reregister_due(Turn& turn, const AgentId& id);

/// A registration of a known agent is being stored. Should it end without an admission, the agent
/// is looked at again.
void on_agent_returning(Turn& turn, const AgentId& id);

}  // namespace tepui::master
