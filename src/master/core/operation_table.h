#pragma once

#include "master/core/turn.h"

// The operations that agents apply, or applied and whose last status nobody acknowledged yet.
namespace tepui::master {

/// FINISHED, FAILED, ERROR, DROPPED, GONE_BY_OPERATOR: no other state follows.
bool has_ended(mesos::v1::OperationState state);

/// Takes the operation into the tables as pending and sends it to its agent, which is connected.
/// The ledger has been told before. `framework` is null when an operator asks.
void send_operation(Turn& turn, Agent& agent, Framework* framework,
                    mesos::v1::Offer::Operation operation);

/// Takes in one that the agent reports, or replaces what was known of it.
void keep_operation(Turn& turn, Agent& agent, SentOperation operation);

/// Forgets it; no one is told.
void forget_operation(Turn& turn, Agent& agent, const std::string& uuid);

/// Tells the agent that a status arrived where it should. Forgets the operation if it is known.
void acknowledge_operation(Turn& turn, Agent& agent, const std::string& uuid,
                           const std::string& status_uuid);

/// The framework that is to hear of the operation: null for one without id, of an operator, or
/// whose framework is not known.
Framework* listener_of(Turn& turn, const mesos::v1::Operation& operation);

/// Sends UPDATE_OPERATION_STATUS.
void tell_operation(Turn& turn, const Framework& framework, mesos::v1::OperationStatus status);

}  // namespace tepui::master
