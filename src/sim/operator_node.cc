#include "sim/operator_node.h"

#include "master/core/state.h"

namespace tepui::sim {

void OperatorNode::act() {
    if (!master_.alive()) return;
    std::vector<AgentId> agents;
    for (const auto& [id, agent] : master_.core().state().agents) agents.push_back(id);
    for (const AgentId& id : agents) {
        if (master_.alive()) see_to(id, master_.core().state());
    }
    if (timeline_.chance(faults_.maintenance)) plan_maintenance();
}

void OperatorNode::see_to(const AgentId& agent, const master::State& state) {
    const auto drain_info = state.drains.find(agent);
    if (drain_info == state.drains.end()) {
        if (!timeline_.chance(faults_.drain)) return;
        const bool deactivated = state.deactivated_agents.contains(agent);
        if (!deactivated && timeline_.chance(0.7)) return drain(agent);
        return master_.request(master::DeactivationRequested{{}, agent, !deactivated});
    }
    if (!timeline_.chance(10 * faults_.drain)) return;
    if (drain_info->second.state() == mesos::v1::DRAINED) {
        return master_.request(master::DeactivationRequested{{}, agent, false});
    }
    if (timeline_.chance(0.5)) return drain(agent);
    master_.request(master::DrainCancelRequested{{}, agent});
}

void OperatorNode::drain(const AgentId& agent) {
    master::DrainRequested requested{{}, agent, {}};
    if (timeline_.chance(0.5)) {
        requested.config.mutable_max_grace_period()->set_nanoseconds(
            timeline_.between(0ms, 5s).count());
    }
    timeline_.trace("operator drains {}", agent);
    master_.request(std::move(requested));
}

void OperatorNode::plan_maintenance() {
    master::MaintenanceScheduleRequested requested;
    for (const std::string& machine : machines_) {
        if (timeline_.chance(0.5)) continue;
        auto& window = *requested.schedule.add_windows();
        window.add_machine_ids()->set_hostname(machine);
        window.mutable_unavailability()->mutable_start()->set_nanoseconds(
            timeline_.between(0ms, 100s).count());
    }
    timeline_.trace("operator plans maintenance of {} machines", requested.schedule.windows_size());
    master_.request(std::move(requested));
}

}  // namespace tepui::sim
