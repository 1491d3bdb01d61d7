#include "master/core/agent_loss.h"

#include "base/assert.h"
#include "master/core/agent_review.h"
#include "master/core/agents.h"
#include "master/core/deactivation.h"
#include "master/core/executors.h"
#include "master/core/inverse_offers.h"
#include "master/core/ledger.h"
#include "master/core/offers.h"
#include "master/core/operations.h"
#include "master/core/publish.h"
#include "master/core/registry_codec.h"
#include "master/core/registry_gc.h"
#include "master/core/removals.h"
#include "master/core/tasks.h"

namespace tepui::master {

namespace {

// Removed agents that are remembered; about 100 bytes each. Source: Apache Mesos 1.12-dev,
// src/master/constants.hpp.
constexpr std::size_t removed_agents_max = 100'000;

void remember_removed(State& state, const AgentId& id) {
    if (!state.removed_agents.insert(id).second) return;
    state.removed_order.push_back(id);
    while (state.removed_order.size() > removed_agents_max) {
        state.removed_agents.erase(state.removed_order.front());
        state.removed_order.pop_front();
    }
}

}  // namespace

void tell_failure(Turn& turn, const AgentId& id) {
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::FAILURE);
    event.mutable_failure()->mutable_agent_id()->set_value(id.value);
    const auto shared = std::make_shared<const mesos::v1::scheduler::Event>(std::move(event));
    for (const auto& [framework_id, framework] : turn.state.frameworks) {
        if (framework.connected()) turn.send(framework, shared);
    }
}

void dissolve(Turn& turn, Agent& agent, const std::function<MasterStatus(const Framework&)>& end) {
    cancel_unreachable(turn, agent.id);
    turn.state.allocator->deactivate_agent(agent.id);
    const std::set<TaskKey> tasks = agent.tasks;
    for (const auto& [framework_id, task] : tasks) {
        Framework& framework = turn.state.frameworks.at(framework_id);
        MasterStatus status = end(framework);
        status.task = task;
        end_task(turn, framework, agent, std::move(status));
    }
    while (!agent.executors.empty()) {
        remove_executors(turn, agent, FrameworkId{agent.executors.begin()->first});
    }
    TEPUI_ASSERT_WHY(agent.operations.empty(), "operations are lost before their agent goes");
    rescind_offers_on(turn, agent);
    rescind_inverse_offers_on(turn, agent);
    if (agent.unavailability) forget_inverse_filters(turn, agent.id);
    close_account(turn, agent);
    unbind_agent(turn, agent);
    turn.state.timers.cancel({TimerKey::Kind::ping, agent.id.value});
    turn.state.timers.cancel({TimerKey::Kind::agent_reregister, agent.id.value});
    const auto address = turn.state.agents_by_address.find(agent_address(*agent.info));
    if (address != turn.state.agents_by_address.end() && address->second == agent.id) {
        turn.state.agents_by_address.erase(address);
    }
    const AgentId id = agent.id;
    turn.state.agents.erase(id);
    turn.changed(id);
    update_watch(turn.state, id);
    publish_agent_removed(turn, id);
    tell_failure(turn, id);
}

void unbind_agent(Turn& turn, Agent& agent) {
    if (!agent.link) return;
    const auto it = turn.state.links.find(*agent.link);
    if (it != turn.state.links.end()) {
        it->second.agents.erase(agent.id);
        std::erase_if(it->second.registered_channels,
                      [&](const auto& entry) { return entry.second == agent.id; });
        if (it->second.empty()) turn.state.links.erase(it);
    }
    agent.link.reset();
    agent.channel.reset();
    turn.changed(agent.id);
}

void disconnect_agent(Turn& turn, Agent& agent) {
    if (!agent.connected()) return;
    turn.log(Severity::warning, "Agent {} ({}) disconnected", agent.id, agent.info->hostname());
    unbind_agent(turn, agent);
    turn.state.allocator->deactivate_agent(agent.id);
    rescind_offers_on(turn, agent);
    rescind_inverse_offers_on(turn, agent);
    // Without checkpointing nothing of the framework survives the agent: lost for partition-aware
    // ones too, at once and without FAILURE (recorded in situations.json).
    const std::set<TaskKey> tasks = agent.tasks;
    for (const auto& [framework_id, task] : tasks) {
        Framework& framework = turn.state.frameworks.at(framework_id);
        if (framework.info->checkpoint()) continue;
        end_task(turn, framework, agent,
                 {.task = task,
                  .state = mesos::v1::TASK_LOST,
                  .reason = mesos::v1::TaskStatus::REASON_AGENT_DISCONNECTED,
                  .message = fmt::format("Agent {} disconnected", agent.info->hostname())});
    }
    std::vector<FrameworkId> ended;
    for (const auto& [framework_id, executors] : agent.executors) {
        if (!turn.state.frameworks.at(framework_id).info->checkpoint()) {
            ended.push_back(framework_id);
        }
    }
    for (const FrameworkId& framework_id : ended) remove_executors(turn, agent, framework_id);
    turn.state.timers.set({TimerKey::Kind::agent_reregister, agent.id.value},
                          turn.now.instant + turn.state.config.agent_reregister_timeout);
}

void begin_unreachable(Turn& turn, Agent& agent, std::string message) {
    if (agent.marking_unreachable || agent.removing) return;
    agent.marking_unreachable = true;
    turn.log(Severity::warning, "Marking agent {} ({}) unreachable: {}", agent.id,
             agent.info->hostname(), message);
    turn.persist({{agent_key(agent.id), encode_agent_in_use(turn.state, *agent.info, agent.version,
                                                            agent.registered_at, turn.now.wall)}},
                 UnreachableStored{agent.id, std::move(message), turn.now.wall});
}

void on_unreachable_stored(Turn& turn, const UnreachableStored& stored) {
    State& state = turn.state;
    if (const auto it = state.recovered_agents.find(stored.agent);
        it != state.recovered_agents.end()) {
        // This master knows of no tasks there, so it can only tell that the agent failed.
        state.unreachable_agents.emplace(stored.agent,
                                         UnreachableAgent{it->second.info, stored.since});
        state.recovered_agents.erase(it);
        turn.count("recovery_slave_removals");
        turn.count("slave_unreachable_completed");
        turn.changed(stored.agent);
        arm_registry_gc(turn);
        tell_failure(turn, stored.agent);
        return;
    }
    Agent* agent = turn.find_agent(stored.agent);
    if (agent == nullptr || !agent->marking_unreachable) return;
    turn.count("slave_unreachable_completed");
    turn.count("slave_removals");
    turn.count("slave_removals/reason_unhealthy");
    const std::optional<LinkId> link = agent->link;
    state.unreachable_agents.insert_or_assign(agent->id,
                                              UnreachableAgent{agent->info, stored.since});
    arm_registry_gc(turn);
    lose_operations(turn, *agent, mesos::v1::OPERATION_UNREACHABLE, stored.message);
    dissolve(turn, *agent, [&](const Framework& framework) {
        return MasterStatus{.task = {},
                            .state = lost_state(framework, mesos::v1::TASK_UNREACHABLE),
                            .reason = mesos::v1::TaskStatus::REASON_AGENT_REMOVED,
                            .message = stored.message,
                            .agent = std::nullopt,
                            .unreachable_since = stored.since};
    });
    // Only one direction may be broken, with RunTasks held back in it, and a registration that does
    // not list them yet coming in the other. Over a new connection the agent lists all it was sent.
    if (link) close_link(turn, *link);
}

void begin_removal(Turn& turn, Agent& agent, std::string message, std::string counter) {
    if (agent.removing || turn.state.pending.gone_requests.contains(agent.id)) return;
    agent.removing = true;
    turn.log(Severity::info, "Removing agent {} ({}): {}", agent.id, agent.info->hostname(),
             message);
    turn.persist({{agent_key(agent.id), std::nullopt}},
                 AgentRemovalStored{agent.id, std::move(message), std::move(counter)});
}

void on_agent_removal_stored(Turn& turn, const AgentRemovalStored& stored) {
    turn.state.unreachable_agents.erase(stored.agent);
    forget_deactivation(turn, stored.agent);
    Agent* agent = turn.find_agent(stored.agent);
    if (agent == nullptr) return;  // It became unreachable at the same time.
    turn.count("slave_removals");
    if (!stored.counter.empty()) turn.count(stored.counter);
    remember_removed(turn.state, stored.agent);
    if (agent->connected()) {
        link::ToAgent frame;
        frame.mutable_shutdown_agent()->set_message(stored.message);
        turn.send(*agent, std::move(frame));
    }
    lose_operations(turn, *agent, mesos::v1::OPERATION_UNKNOWN, stored.message);
    dissolve(turn, *agent, [&](const Framework&) {
        return MasterStatus{.task = {},
                            .state = mesos::v1::TASK_LOST,  // For partition-aware ones too.
                            .reason = mesos::v1::TaskStatus::REASON_AGENT_REMOVED,
                            .message = stored.message};
    });
}

void begin_unreachable_recovered(Turn& turn, const AgentId& id, std::string message) {
    const auto it = turn.state.recovered_agents.find(id);
    if (it == turn.state.recovered_agents.end() || it->second.marking_unreachable) return;
    it->second.marking_unreachable = true;
    turn.log(Severity::warning,
             "Marking agent {} ({}) unreachable: not back since this master began", id,
             it->second.info->hostname());
    turn.persist(
        {{agent_key(id), encode_agent_in_use(turn.state, *it->second.info, it->second.version,
                                             it->second.registered_at, turn.now.wall)}},
        UnreachableStored{id, std::move(message), turn.now.wall});
}

}  // namespace tepui::master
