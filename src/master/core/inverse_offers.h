#pragma once

#include "master/core/turn.h"

// Inverse offers ask a framework to leave an agent whose machine is in the maintenance schedule:
// one is outstanding at most for each framework that holds offers, tasks or executors there. The
// answer is shown in the maintenance status and has no other effect; when its filter is over, and
// the framework still holds something, it is asked again.
namespace tepui::master {

/// Makes those that are missing on the agents, one INVERSE_OFFERS event a framework.
void make_inverse_offers(Turn& turn, const std::set<AgentId>& agents);

/// ACCEPT_INVERSE_OFFERS and DECLINE_INVERSE_OFFERS. A filter lasts at least one allocation
/// interval.
void on_accept_inverse_offers(Turn& turn, Framework& framework,
                              const mesos::v1::scheduler::Call::AcceptInverseOffers& accept);
void on_decline_inverse_offers(Turn& turn, Framework& framework,
                               const mesos::v1::scheduler::Call::DeclineInverseOffers& decline);

/// A filter on the agent is over.
void on_inverse_offers_due(Turn& turn, const AgentId& id);

/// REVIVE: what the framework answered keeps nothing from it any more.
void revive_inverse_offers(Turn& turn, Framework& framework);

/// Asks a framework to give back `resources`, which tasks of it use on the agent, until `until`
/// (preemption.h). Whatever it answers has no effect but that it is not told of a change of mind.
OfferId ask_back(Turn& turn, Framework& framework, Agent& agent, const Resources& resources,
                 WallTime until);
/// Ends one that may have been answered; the framework is told if not.
void withdraw_inverse_offer(Turn& turn, const OfferId& id);

/// Ends those on an agent, or only those that are about its maintenance; the frameworks are told.
void rescind_inverse_offers_on(Turn& turn, Agent& agent, bool all = true);
/// Ends those of a framework and its filters. Nobody is told: it is gone or begins anew.
void remove_inverse_offers_of(Turn& turn, Framework& framework);
/// The agent left, or another plan holds for it.
void forget_inverse_filters(Turn& turn, const AgentId& id);
/// The framework ended: its answers are not shown any more.
void forget_inverse_answers(Turn& turn, const FrameworkId& id);

}  // namespace tepui::master
