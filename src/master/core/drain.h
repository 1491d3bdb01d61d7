#pragma once

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

// Draining: an operator wants an agent's tasks ended, and nothing offered of it meanwhile. The
// agent is told to kill them, again whenever it comes back; when no task and no operation is left,
// whose last updates are acknowledged, it is drained: it stays out of use until it is reactivated,
// or is gone for ever, as the operator wished. It is part of the agent's record, so it outlasts
// masters, disconnection and unreachability.
namespace tepui::master {

/// DRAIN_AGENT: answered when stored; a new wish replaces the one before. Fails with not_found for
/// an agent that this master does not know, with invalid_argument for one that can't drain or is
/// in the maintenance schedule, with unavailable while the agent is just changing.
void on_requested(Turn& turn, const DrainRequested& requested);

/// The drain ends before it is done: tasks whose kill has begun end, the agent is offered again.
/// Answered when stored. Fails with conflict for an agent that is not draining.
void on_requested(Turn& turn, const DrainCancelRequested& requested);

void on_drain_stored(Turn& turn, const DrainStored& stored);

/// The agent came back: what it may have missed is told again.
void repeat_drain(Turn& turn, Agent& agent);

/// Notes the end of the agent's drain, if this is it.
void review_drain(Turn& turn, Agent& agent);

}  // namespace tepui::master
