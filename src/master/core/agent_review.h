#pragma once

#include "master/core/turn.h"

// Agents that an operator has plans with, by a drain or a maintenance schedule, are looked at when
// something about them changed: once a step, after its offers. An idle core looks at nothing.
namespace tepui::master {

/// Whether the agent is one of those. Called when its drain or its machine's plan changed.
void update_watch(State& state, const AgentId& id);

/// A framework subscribed: what it holds on watched agents matters again.
void review_agents_of(Turn& turn, const Framework& framework);

/// Drains that are done are noted, and frameworks are asked to leave.
void review_agents(Turn& turn);

}  // namespace tepui::master
