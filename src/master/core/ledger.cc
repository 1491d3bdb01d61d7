#include "master/core/ledger.h"

#include "base/assert.h"
#include "resources/entry.h"

namespace tepui::master {

namespace {

using Column = std::map<FrameworkId, Resources>;

void add(Column& column, const FrameworkId& framework, const Resources& resources) {
    if (resources.empty()) return;
    column[framework] += resources;
}

void take(Column& column, const FrameworkId& framework, const Resources& resources) {
    if (resources.empty()) return;
    const auto it = column.find(framework);
    TEPUI_ASSERT_WHY(it != column.end() && it->second.contains(resources),
                     "the ledger gives back only what was taken");
    it->second -= resources;
    if (it->second.empty()) column.erase(it);
}

}  // namespace

void open_account(Turn& turn, Agent& agent) {
    TEPUI_ASSERT(agent.offered.empty());
    turn.state.allocator->add_agent({agent.id, agent.total, *agent.info}, agent.used);
}

void close_account(Turn& turn, Agent& agent) {
    TEPUI_ASSERT_WHY(agent.offered.empty() && agent.used.empty(),
                     "an agent leaves with nothing offered or used");
    turn.state.allocator->remove_agent(agent.id);
}

void set_total(Turn& turn, Agent& agent, Resources total) {
    agent.total = std::move(total);
    turn.state.allocator->update_agent(agent.id, agent.total);
}

void hold_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                  const Resources& resources) {
    add(agent.offered, framework, resources);
    turn.changed(agent.id);
}

void release_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                     const Resources& resources, std::optional<Duration> refuse) {
    take(agent.offered, framework, resources);
    turn.state.allocator->recover(framework, agent.id, resources, refuse, turn.now.instant);
    turn.changed(agent.id);
}

void use_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                 const Resources& resources) {
    take(agent.offered, framework, resources);
    add(agent.used, framework, resources);
    turn.changed(agent.id);
}

void convert_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                     const Conversion& conversion) {
    take(agent.offered, framework, conversion.consumed);
    add(agent.offered, framework, conversion.converted);
    turn.state.allocator->recover(framework, agent.id, conversion.consumed, std::nullopt,
                                  turn.now.instant);
    convert_free(turn, agent,
                 {conversion.consumed.unallocated(), conversion.converted.unallocated()});
    turn.state.allocator->track(framework, agent.id, conversion.converted);
}

void convert_free(Turn& turn, Agent& agent, const Conversion& conversion) {
    auto total = convert(agent.total, conversion);
    TEPUI_ASSERT_WHY(total.has_value(), "what an operation takes is there");
    set_total(turn, agent, std::move(*total));
    turn.changed(agent.id);
}

void share_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                   const Resources& resources) {
    if (resources.empty()) return;
    add(agent.offered, framework, resources);
    turn.state.allocator->track(framework, agent.id, resources);
}

void use_reported(Turn& turn, Agent& agent, const FrameworkId& framework,
                  const Resources& resources, bool in_allocator) {
    add(agent.used, framework, resources);
    if (in_allocator) turn.state.allocator->track(framework, agent.id, resources);
    turn.changed(agent.id);
}

void release_used(Turn& turn, Agent& agent, const FrameworkId& framework,
                  const Resources& resources) {
    take(agent.used, framework, resources);
    turn.state.allocator->recover(framework, agent.id, resources, std::nullopt, turn.now.instant);
    turn.changed(agent.id);
}

Resources not_held(const Agent& agent, const Resources& reported) {
    const auto is_exclusive = [](const Resources::Entry& entry) {
        return !entry.is_scalar() || (entry.is_indivisible() && !entry.shared);
    };
    Resources held;
    for (const auto& [framework, used] : agent.used) {
        held += used.unallocated().filter(is_exclusive);
    }
    Resources chargeable = reported.filter(std::not_fn(is_exclusive));
    for (const auto& [role, part] : reported.filter(is_exclusive).by_allocation_role()) {
        const Resources fresh = part.unallocated() - held;
        held += fresh;
        chargeable += fresh.allocated_to(role);
    }
    return chargeable;
}

bool ledger_balances(const State& state) {
    std::map<AgentId, std::pair<Column, Column>> counted;  // Offered and used.
    for (const auto& [id, offer] : state.offers) {
        add(counted[offer.agent].first, offer.framework, offer.resources);
    }
    for (const auto& [id, framework] : state.frameworks) {
        for (const auto& [task_id, task] : framework.tasks) {
            if (task.charged) add(counted[task.agent].second, id, *task.resources);
        }
    }
    for (const auto& [id, agent] : state.agents) {
        for (const auto& [framework, executors] : agent.executors) {
            for (const auto& [executor_id, executor] : executors) {
                add(counted[id].second, framework, executor.resources);
            }
        }
        auto& [offered, used] = counted[id];
        if (offered != agent.offered || used != agent.used) return false;
        counted.erase(id);
    }
    return counted.empty();
}

}  // namespace tepui::master
