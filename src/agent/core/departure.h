#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

// The agent leaves its cluster because its operator asked it to: it ends every task, tells how each
// ended, unregisters and forgets who it was. Nothing of it waits for a master that is not there.

/// Begins it. Ignored when the agent is ending already.
void on_departure_requested(Context& context);

/// Goes on as far as it can; to be called after each event while state.departure is set.
void proceed_departure(Context& context);

/// The time for the acknowledgements, or for the master's answer, is over.
void on_departure_due(Context& context);

/// The master removed this agent, as it was asked to. True when that was being waited for.
bool on_departure_answered(Context& context);

}  // namespace tepui::agent
