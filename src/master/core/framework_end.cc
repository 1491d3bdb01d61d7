#include "master/core/framework_end.h"

#include <set>

#include "master/core/executors.h"
#include "master/core/inverse_offers.h"
#include "master/core/offers.h"
#include "master/core/operations.h"
#include "master/core/publish.h"
#include "master/core/registry_codec.h"
#include "master/core/tasks.h"

namespace tepui::master {

namespace {

// Ended ids remembered in the registry: how long a framework that does not know of its end may try
// again and be refused, and an agent that was away be told. A record is about 100 bytes.
constexpr std::size_t ended_frameworks_max = 1000;

void tell_agents(Turn& turn, const Framework& framework) {
    std::set<AgentId> agents;
    for (const auto& [id, task] : framework.tasks) agents.insert(task.agent);
    for (const auto& [id, agent] : turn.state.agents) {
        if (agent.executors.contains(framework.id)) agents.insert(id);
    }
    for (const AgentId& id : agents) {
        link::ToAgent frame;
        frame.mutable_shutdown_framework()->mutable_framework_id()->set_value(framework.id.value);
        turn.send(turn.state.agents.at(id), std::move(frame));
    }
}

// The framework is no one to tell any more, so this goes to the completed tasks only.
void end_tasks(Turn& turn, Framework& framework) {
    while (!framework.tasks.empty()) {
        const TaskId id = framework.tasks.begin()->first;
        Agent& agent = turn.state.agents.at(framework.tasks.begin()->second.agent);
        end_task(turn, framework, agent,
                 {.task = id,
                  .state = mesos::v1::TASK_KILLED,
                  .reason = mesos::v1::TaskStatus::REASON_FRAMEWORK_REMOVED,
                  .message = fmt::format("Framework {} removed", framework.id)});
    }
}

void end_executors(Turn& turn, const FrameworkId& framework) {
    for (auto& [id, agent] : turn.state.agents) {
        remove_executors(turn, agent, framework);
    }
}

void archive(Turn& turn, Framework& framework) {
    auto completed = std::make_shared<CompletedFramework>();
    completed->info = framework.info;
    completed->registered_at = framework.registered_at;
    completed->reregistered_at = framework.reregistered_at;
    completed->completed_at = turn.now.wall;
    completed->tally = framework.tally;
    completed->completed_tasks.assign(framework.completed_tasks.begin(),
                                      framework.completed_tasks.end());
    for (const auto& [id, task] : framework.unreachable_tasks) {
        completed->unreachable_tasks.push_back(task);
    }
    State& state = turn.state;
    state.unreachable_task_count -= framework.unreachable_tasks.size();
    state.completed_frameworks.push_back(std::move(completed));
    while (state.completed_frameworks.size() > state.config.max_completed_frameworks) {
        state.completed_frameworks.pop_front();
    }
    turn.completed_framework_changed();
}

}  // namespace

std::vector<RegistryWrite> remember_ended(State& state, const FrameworkId& id) {
    std::vector<RegistryWrite> forget;
    if (!state.ended_frameworks.insert(id).second) return forget;
    state.ended_order.push_back(id);
    while (state.ended_order.size() > ended_frameworks_max) {
        const FrameworkId oldest = std::move(state.ended_order.front());
        state.ended_order.pop_front();
        state.ended_frameworks.erase(oldest);
        forget.push_back({framework_key(oldest), std::nullopt});
    }
    return forget;
}

void begin_framework_end(Turn& turn, Framework& framework, std::string reason) {
    if (framework.phase == Framework::Phase::removing) return;
    turn.log(Severity::info, "Removing framework {}: {}", framework.id, reason);
    turn.state.allocator->deactivate_framework(framework.id);
    remove_offers_of(turn, framework);
    if (framework.stream) turn.state.streams.erase(*framework.stream);
    framework.phase = Framework::Phase::removing;
    framework.teardown_due.reset();
    turn.state.timers.cancel({TimerKey::Kind::framework_failover, framework.id.value});
    turn.state.timers.cancel({TimerKey::Kind::heartbeat, framework.id.value});
    const auto pending = turn.state.pending.subscriptions.find(framework.id);
    if (pending != turn.state.pending.subscriptions.end()) {
        const StreamId stream = pending->second.stream;
        turn.state.pending.subscription_streams.erase(stream);
        turn.state.pending.subscriptions.erase(pending);
        turn.effects.emplace_back(
            SendToScheduler{stream, std::make_shared<const mesos::v1::scheduler::Event>(
                                        error_event("Framework has been removed"))});
        turn.effects.emplace_back(CloseScheduler{stream});
    }
    turn.changed(framework.id);
    std::vector<RegistryWrite> writes = remember_ended(turn.state, framework.id);
    writes.push_back({framework_key(framework.id), encode_ended(framework.id, turn.now.wall)});
    turn.persist(std::move(writes), FrameworkEndStored{framework.id, std::move(reason)});
}

void on_framework_end_stored(Turn& turn, const FrameworkEndStored& stored) {
    Framework* framework = turn.find_framework(stored.framework);
    if (framework == nullptr) return;
    tell_agents(turn, *framework);
    end_tasks(turn, *framework);
    end_executors(turn, framework->id);
    adopt_operations(turn, framework->id);
    turn.state.allocator->remove_framework(framework->id);
    forget_inverse_answers(turn, framework->id);
    if (framework->stream) turn.effects.emplace_back(CloseScheduler{*framework->stream});
    archive(turn, *framework);
    publish_framework_removed(turn, *framework);
    auto& requests = turn.state.pending.teardown_requests;
    const auto [first, last] = requests.equal_range(stored.framework);
    for (auto it = first; it != last; ++it) {
        turn.effects.emplace_back(AnswerRequest{it->second, {}});
    }
    requests.erase(first, last);
    turn.state.frameworks.erase(stored.framework);
    turn.changed(stored.framework);
}

void on_requested(Turn& turn, const TeardownRequested& requested) {
    Framework* framework = turn.find_framework(requested.framework);
    if (framework == nullptr) {
        turn.effects.emplace_back(
            AnswerRequest{requested.request,
                          fail(Errc::invalid_argument, "No framework found with specified ID")});
        return;
    }
    turn.state.pending.teardown_requests.emplace(framework->id, requested.request);
    begin_framework_end(turn, *framework, "torn down by an operator");
}

}  // namespace tepui::master
