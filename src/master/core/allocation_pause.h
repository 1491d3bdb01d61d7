#pragma once

#include "master/core/turn.h"

// After a failover a master with quotas knows of no allocation until agents come back and tell. To
// offer before would give away what the roles with guarantees hold or are owed, and let roles pass
// their limits. So it waits for a share of the agents in the registry
// (--allocator_agent_recovery_factor), or for --allocator_recovery_timeout.
namespace tepui::master {

/// At the start, after quotas and agents were recovered.
void begin_allocation_pause(Turn& turn);

/// After each event; O(1).
void consider_resuming(Turn& turn);

/// What is free is offered from here on. Without effect while nothing is paused.
void resume_allocation(Turn& turn);

}  // namespace tepui::master
