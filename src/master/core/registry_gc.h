#pragma once

#include "master/core/turn.h"

// Unreachable and gone agents are remembered for --registry_max_agent_age and up to
// --registry_max_agent_count of each; the oldest go first. A forgotten agent's tasks are unknown to
// this master, and it may register again under its id.
namespace tepui::master {

/// Something is there to be forgotten some day: looks at it every --registry_gc_interval.
void arm_registry_gc(Turn& turn);
void on_registry_gc_due(Turn& turn);
/// The registry has forgotten them.
void on_agents_forgotten(Turn& turn, const AgentsForgotten& forgotten);

}  // namespace tepui::master
