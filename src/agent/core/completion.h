#pragma once

#include <vector>

#include "agent/core/context.h"

namespace tepui::agent {

// Where tasks and frameworks go when they are over: bounded rings for the state endpoints.

/// Forgets a task (its last update was acknowledged, or nobody is left to tell) and its
/// checkpoints, together with `writes`; a framework without tasks goes with its last one.
void complete_task(Context& context, const TaskKey& key, std::vector<CheckpointWrite> writes = {});

/// Forgets an executor that ended and whose tasks are all gone; any other stays. Its keys are added
/// to `writes`, and to `after` what follows when they are durable. `key` is a copy: the caller's
/// may lie in what is forgotten.
void complete_executor(Context& context, ExecutorKey key, std::vector<CheckpointWrite>& writes,
                       std::vector<ForgetAfter>& after);

/// Stores `writes`; then, or at once when there are none, the containers are forgotten.
void store_completion(Context& context, std::vector<CheckpointWrite> writes,
                      const std::vector<ForgetAfter>& after);

/// Forgets a framework whose tasks and executors are all gone; any other stays. Its key is added to
/// `writes`.
void complete_framework(Context& context, const FrameworkId& id,
                        std::vector<CheckpointWrite>& writes);

/// The framework of that id, made (or brought back from the completed ones) if it is not known.
/// `made` tells whether it has to be checkpointed.
Framework& open_framework(State& state, const mesos::v1::FrameworkInfo& info, bool& made);

/// After ShutdownAgent: once no container lives, forgets who this agent was and ends it.
void end_if_shut_down(Context& context);

}  // namespace tepui::agent
