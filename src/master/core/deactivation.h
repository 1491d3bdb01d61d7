#pragma once

#include <optional>
#include <string>

#include "master/core/turn.h"

// Agents that an operator took out of use for a while: nothing of them is offered, what runs there
// goes on. It is part of the agent's record, so it lasts until REACTIVATE_AGENT: through later
// masters, disconnection, unreachability and a new registration of the same agent.
namespace tepui::master {

/// DEACTIVATE_AGENT and REACTIVATE_AGENT: answered when it is stored, at once when it is so
/// already. Fails with not_found for an agent that this master does not know, with conflict for
/// one to reactivate that is not deactivated or still draining, with unavailable while the agent is
/// just becoming registered, unreachable, removed or gone.
void on_requested(Turn& turn, const DeactivationRequested& requested);

/// The agent's offers are rescinded; or what it has free is offered again.
void on_deactivation_stored(Turn& turn, const DeactivationStored& stored);

/// As the newest record has it that was given to the registry: what any later one has to say. The
/// drain is null when there is none.
bool recorded_deactivated(const State& state, const AgentId& id);
const mesos::v1::DrainInfo* recorded_drain(const State& state, const AgentId& id);

/// An agent's record, with what operators decided of its use by the newest word; every record of an
/// agent that may come back is made here. The second: of an agent that is known, as it is.
std::string encode_agent_in_use(const State& state, const mesos::v1::AgentInfo& info,
                                const std::string& version, WallTime registered_at,
                                std::optional<WallTime> unreachable_since);
std::string encode_known_agent(const State& state, const AgentId& id);

/// Fails with not_found for an agent that this master does not know, with unavailable while its
/// record is being written with something else in it, or removed.
Result<void> check_settled(const State& state, const AgentId& id);

/// A wish of an operator is about to be stored; then it is. Fails with not_found for an agent that
/// is forgotten meanwhile.
void begin_wish(State& state, const AgentId& id, bool deactivated,
                std::optional<mesos::v1::DrainInfo> drain);
Result<void> end_wish(Turn& turn, const AgentId& id);

/// The agent is used no more, or again; then it is not drained either.
void set_deactivated(Turn& turn, const AgentId& id, bool deactivated);

/// Nothing is remembered of an agent that left for ever.
void forget_deactivation(Turn& turn, const AgentId& id);

}  // namespace tepui::master
