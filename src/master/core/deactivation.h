#pragma once

#include "master/core/turn.h"

// Agents that an operator took out of use for a while: nothing of them is offered, what runs there
// goes on. It is part of the agent's record, so it lasts until REACTIVATE_AGENT: through later
// masters, disconnection, unreachability and a new registration of the same agent.
namespace tepui::master {

/// DEACTIVATE_AGENT and REACTIVATE_AGENT: answered when it is stored, at once when it is so
/// already. Fails with not_found for an agent that this master does not know, with conflict for
/// one to reactivate that is not deactivated, with unavailable while the agent is just becoming
/// registered, unreachable, removed or gone.
void on_requested(Turn& turn, const DeactivationRequested& requested);

/// The agent's offers are rescinded; or what it has free is offered again.
void on_deactivation_stored(Turn& turn, const DeactivationStored& stored);

/// As the newest record has it that was given to the registry: what any later one has to say.
bool recorded_deactivated(const State& state, const AgentId& id);

/// Nothing is remembered of an agent that left for ever.
void forget_deactivation(Turn& turn, const AgentId& id);

}  // namespace tepui::master
