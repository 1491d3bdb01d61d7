#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

// The agent's side of the membership protocol. On a new connection it registers after a random part
// of the back-off, again after twice as long (up to a minute) until answered, refuses a master of
// an older epoch, and looks for the leader anew when no ping comes for the time the master gave.

void on_master_connected(Context& context);
/// Registers once no executor is awaited any more, where that was put off until then.
void release_registration(Context& context);
void on_master_disconnected(Context& context);
void on_agent_registered(Context& context, const link::AgentRegistered& registered);
void on_agent_reregistered(Context& context, const link::AgentReregistered& registered);
void on_ping(Context& context, const link::Ping& ping);
void on_registration_timer(Context& context);
void on_ping_timeout(Context& context);

}  // namespace tepui::agent
