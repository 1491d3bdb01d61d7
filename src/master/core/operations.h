#pragma once

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

namespace tepui::master {

void on_requested(Turn& turn, const OperationRequested& requested);
/// News from the agent that applies it.
void on_operation_update(Turn& turn, Agent& agent, const link::OperationUpdate& update);
/// What the agent really keeps, where the master took another operation for done.
void on_checkpointed_resources(Turn& turn, Agent& agent, const link::CheckpointedResources& kept);

}  // namespace tepui::master
