#pragma once

#include <optional>

#include "master/core/turn.h"

namespace tepui::master {

/// Allocates what is dirty and sends the new offers, one OFFERS event a framework.
void make_offers(Turn& turn);

/// Where clients find the agent, as offers tell it.
mesos::v1::URL agent_url(const Agent& agent);

/// Takes an offer out of all tables without moving its resources: the caller settles the ledger.
Offer take_offer(Turn& turn, const OfferId& id);

/// Ends an offer and frees its resources; with `rescind` the framework is told.
void remove_offer(Turn& turn, const OfferId& id, bool rescind,
                  std::optional<Duration> refuse = std::nullopt);

/// Ends every offer of a framework, inverse ones too (nobody is told: it is gone or begins anew),
/// or on an agent (they are rescinded).
void remove_offers_of(Turn& turn, Framework& framework);
void rescind_offers_on(Turn& turn, Agent& agent);

/// The offer's --offer_timeout is over.
void on_offer_due(Turn& turn, const OfferId& id);

/// What an operator takes back goes to whoever is next, as after a time-out.
void on_requested(Turn& turn, const OffersRescindRequested& requested);

/// DECLINE.
void on_decline(Turn& turn, Framework& framework,
                const mesos::v1::scheduler::Call::Decline& decline);

/// How long `filters` refuse; none for no filter. Absent filters: 5 s.
std::optional<Duration> refusal(const mesos::v1::Filters* filters);

}  // namespace tepui::master
