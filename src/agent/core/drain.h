#pragma once

#include <string>

#include "agent/core/context.h"

namespace tepui::agent {

// The agent's half of DRAIN_AGENT: everything is ended with at most the grace that the operator
// allows; the master sends nothing new until then. It outlives a restart; when the last update and
// the last operation is acknowledged, the agent is like any other again, and the master decides.

void drain_agent(Context& context, const link::DrainAgent& order);
/// After a restart: goes on.
void recover_drain(Context& context);
/// After every step: ends executors that have nothing to do any more, and the draining itself.
void proceed_drain(Context& context);

/// The reason of tasks that end now is that the agent drains, whatever else it would be; where it
/// is to be gone afterwards, frameworks that know the state hear it.
void mark_drained(const State& state, const FrameworkId& framework, mesos::v1::TaskStatus& status);

/// A task came. The master sends none to an agent that drains, so to it the drain is over: it was
/// taken back, or the last word was acknowledged. What is being ended still ends.
void leave_drain(Context& context);

}  // namespace tepui::agent
