#pragma once

#include "master/core/turn.h"

namespace tepui::master {

/// An agent says what it can give as revocable, in all. Offers of what it gave before are taken
/// back; what tasks use of it stays theirs. Resources that are not revocable, or are reserved or
/// bound to a disk, are not taken, and the agent is named in the log.
void on_oversubscribed(Turn& turn, Agent& agent, const link::OversubscribedResources& said);

}  // namespace tepui::master
