#include "agent/core/oversubscription.h"

#include <algorithm>
#include <map>

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ResourceList = google::protobuf::RepeatedPtrField<v1::Resource>;

void add_revocable(const ResourceList& from, ResourceList& to) {
    for (const v1::Resource& resource : from)
        if (resource.has_revocable()) *to.Add() = resource;
}

bool equal(const ResourceList& a, const ResourceList& b) {
    return std::ranges::equal(a, b, [](const v1::Resource& x, const v1::Resource& y) {
        return x.SerializeAsString() == y.SerializeAsString();
    });
}

}  // namespace

std::vector<RevocableUse> revocable_uses(const State& state) {
    std::map<ContainerId, ResourceList> by_container;
    for (const auto& [framework_id, framework] : state.frameworks) {
        for (const auto& [id, executor] : framework.executors)
            if (executor.phase != ExecutorPhase::ended)
                add_revocable(executor.info.resources(), by_container[executor.container]);
        for (const auto& [id, task] : framework.tasks) {
            if (task.phase == Phase::ended) continue;
            const auto executor = task.executor ? framework.executors.find(*task.executor)
                                                : framework.executors.end();
            const bool alone = executor == framework.executors.end();
            add_revocable(task.info.resources(),
                          by_container[alone ? task.container : executor->second.container]);
        }
    }
    std::vector<RevocableUse> uses;
    for (auto& [container, list] : by_container)
        if (!list.empty()) uses.push_back({container, std::move(list)});
    return uses;
}

void tell_oversubscribed(Context& context) {
    const State& state = context.state;
    if (!state.oversubscribed || state.registration.phase != RegistrationPhase::registered) return;
    link::ToMaster frame;
    *frame.mutable_oversubscribed_resources()->mutable_resources() = *state.oversubscribed;
    send_to_master(context, std::move(frame));
}

void on_oversubscription_estimated(Context& context, const OversubscriptionEstimated& estimated) {
    State& state = context.state;
    if (state.oversubscribed && equal(*state.oversubscribed, estimated.total)) return;
    state.oversubscribed = estimated.total;
    tell_oversubscribed(context);
}

namespace {

/// One that is being launched is not: how its launch fails says nothing of why. The controller asks
/// again.
bool runs(State& state, const ContainerId& container) {
    if (const ExecutorRun* executor = find_executor(state, container))
        return executor->phase == ExecutorPhase::running;
    const TaskRun* task = find_task(state, container);
    return task != nullptr && task->phase == Phase::running;
}

}  // namespace

void on_container_preempted(Context& context, const ContainerPreempted& preempted) {
    State& state = context.state;
    const auto uses = revocable_uses(state);
    const auto found = std::ranges::find(uses, preempted.container, &RevocableUse::container);
    if (found == uses.end() || !runs(state, preempted.container)) return;
    if (!state.preempted.insert(preempted.container).second) return;  // It is on its way out.
    context.log(Severity::warning, "container {} is ended for its revocable resources: {}",
                preempted.container, preempted.why);
    ++state.counters.containers_preempted;
    // The tasks of a pod have containers of their own, which end with it.
    if (const ExecutorRun* executor = find_executor(state, preempted.container))
        for (const TaskRun* task : live_tasks_of(state, *executor))
            state.preempted.insert(task->container);
    context.effects.push_back(DestroyContainer{preempted.container});
}

ContainerExited with_preemption(State& state, ContainerExited exited) {
    if (state.preempted.erase(exited.container) == 0) return exited;
    exited.limitation = Limitation{.reason = v1::TaskStatus::REASON_CONTAINER_PREEMPTED,
                                   .message = "Container preempted by QoS correction",
                                   .resources = {}};
    return exited;
}

UpdateSpec limited(State& state, const FrameworkId& id, const Limitation& limitation) {
    UpdateSpec spec{
        .state = v1::TASK_FAILED, .reason = limitation.reason, .message = limitation.message};
    if (limitation.resources.resources_size() > 0) spec.limitation = limitation.resources;
    if (limitation.reason != v1::TaskStatus::REASON_CONTAINER_PREEMPTED) return spec;
    const Framework* framework = find_framework(state, id);
    const bool aware =
        framework != nullptr &&
        has_capability(framework->info, v1::FrameworkInfo::Capability::PARTITION_AWARE);
    spec.state = aware ? v1::TASK_GONE : v1::TASK_LOST;
    return spec;
}

}  // namespace tepui::agent
