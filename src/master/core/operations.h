#pragma once

#include "master/core/registry_codec.h"
#include "master/core/turn.h"

// What becomes of operations after they were sent: the agent's news, who is told and who
// acknowledges, and what an agent really has.
namespace tepui::master {

void on_requested(Turn& turn, const OperationRequested& requested);
/// News from the agent that applies it.
void on_operation_update(Turn& turn, Agent& agent, const link::OperationUpdate& update);
/// What the agent really keeps, where the master took another operation for done.
void on_checkpointed_resources(Turn& turn, Agent& agent, const link::CheckpointedResources& kept);

/// ACKNOWLEDGE_OPERATION_STATUS.
void on_acknowledge_operation(
    Turn& turn, Framework& framework,
    const mesos::v1::scheduler::Call::AcknowledgeOperationStatus& acknowledge);

/// Nobody else will: acknowledges what the framework, which ends, was not told of.
void adopt_operations(Turn& turn, const FrameworkId& framework);
/// The same for those on the agent whose framework this master has never met, after a while.
void adopt_orphans(Turn& turn, Agent& agent);

/// The agent is lost: frameworks are told that state of what it had not applied yet.
void lose_operations(Turn& turn, Agent& agent, mesos::v1::OperationState state,
                     const std::string& message);

/// What an agent has in all, without what it says of revocable resources: its flags with what it
/// keeps. Fails with invalid_argument or conflict.
Result<Resources> total_of(const mesos::v1::AgentInfo& info, const ResourceList& checkpointed);

/// The same, with the operations that it lists as under way taken for done.
Result<Resources> total_of(const link::ReregisterAgent& frame);

/// Takes in the operations that a returning agent lists. Those it does not list were dropped, but
/// not what was sent on the connection it registers on.
void readmit_operations(Turn& turn, Agent& agent, const link::ReregisterAgent& frame);

}  // namespace tepui::master
