#pragma once

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

// Agents from registration to loss of contact (agent_loss.h has what follows then).
//
//   (new) --RegisterAgent, stored--> registered, connected
//   recovered | unreachable | unknown --ReregisterAgent, stored--> registered, connected
//   connected <--ReregisterAgent / connection lost--> disconnected
//   gone --any registration--> refused
//
// A frame counts only on the connection its agent is bound to; what comes over another one is
// ignored, and the sender is told to register again.
namespace tepui::master {

void on_register_agent(Turn& turn, LinkId link, std::optional<std::uint64_t> channel,
                       link::RegisterAgent frame, const std::string& peer_ip);
void on_reregister_agent(Turn& turn, LinkId link, std::optional<std::uint64_t> channel, AgentId id,
                         link::ReregisterAgent frame, const std::string& peer_ip);
void on_agent_stored(Turn& turn, PersistToken token, AgentStored stored);

void on_pong(Turn& turn, Agent& agent);
/// A ping is due; the last of too many unanswered ones begins to make the agent unreachable.
void on_ping_due(Turn& turn, const AgentId& id);

/// The connection is gone: its agents are disconnected at once.
void on_link_closed(Turn& turn, LinkId link);
/// Ends a connection whose frames do not count any more. Its agents come back over a new one.
void close_link(Turn& turn, LinkId link);

/// Takes an agent out of the registry's record at start.
void recover_agent(Turn& turn, const registry::AgentRecord& record);

}  // namespace tepui::master
