#pragma once

#include <optional>

#include "master/core/turn.h"

// Agents that an operator declared gone for ever. The registry remembers them (registry_gc.h says
// how long), so that one that comes back nevertheless is shut down, also by a later master.
namespace tepui::master {

/// MARK_AGENT_GONE: answered when it is stored, at once for an agent that is gone already. Fails
/// with not_found for one that this master does not know, with unavailable while the agent is just
/// becoming registered, unreachable or removed.
void on_requested(Turn& turn, const MarkAgentGoneRequested& requested);

/// Stores that the agent is gone; the caller made sure that its record is not just changing.
/// `request` is answered then.
void begin_gone(Turn& turn, const AgentId& id, std::optional<RequestToken> request);

/// Tells the agent to shut down, its tasks' frameworks that they are gone, and the operators that
/// asked. An agent that was unreachable was counted as lost then: only its tasks' frameworks that
/// know the difference are told.
void on_gone_stored(Turn& turn, const GoneStored& stored);

}  // namespace tepui::master
