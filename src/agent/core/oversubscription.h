#pragma once

#include <vector>

#include "agent/core/context.h"
#include "agent/core/updates.h"

namespace tepui::agent {

// What the agent offers beyond what it has (revocable resources), and how what uses it ends when it
// is wanted back.

/// A container that holds revocable resources: of a command task, or of an executor (all of its
/// tasks' are counted).
struct RevocableUse {
    ContainerId container;
    google::protobuf::RepeatedPtrField<mesos::v1::Resource> resources;  // The revocable ones.
};

/// All that live, in the order of their containers.
std::vector<RevocableUse> revocable_uses(const State& state);

/// Another estimate of what can be offered: kept, and told to the master when it is news.
void on_oversubscription_estimated(Context& context, const OversubscriptionEstimated& estimated);
/// Tells a master that has just registered the agent.
void tell_oversubscribed(Context& context);

/// The QoS controller wants a container's resources back: it is destroyed at once. One that holds
/// no revocable resource (any more) is left alone.
void on_container_preempted(Context& context, const ContainerPreempted& preempted);
/// What is known of an end, with the preemption that it was for.
ContainerExited with_preemption(State& state, ContainerExited exited);

/// The last update of a task whose container ended for `limitation`: TASK_FAILED; preempted ones
/// are TASK_GONE, or TASK_LOST for frameworks that are not partition-aware.
UpdateSpec limited(State& state, const FrameworkId& framework, const Limitation& limitation);

}  // namespace tepui::agent
