#include "sim/operator_node.h"

#include <optional>
#include <set>

#include "master/core/state.h"

namespace tepui::sim {
namespace {

/// Of an agent that was not removed.
std::optional<std::string> machine_of(const master::State& state, const AgentId& id) {
    if (const auto it = state.agents.find(id); it != state.agents.end())
        return it->second.info->hostname();
    if (const auto it = state.recovered_agents.find(id); it != state.recovered_agents.end())
        return it->second.info->hostname();
    const auto it = state.unreachable_agents.find(id);
    if (it == state.unreachable_agents.end()) return std::nullopt;
    return it->second.info->hostname();
}

}  // namespace

void OperatorNode::act() {
    if (!master_.alive()) return;
    std::vector<AgentId> agents;
    for (const auto& [id, agent] : master_.core().state().agents) agents.push_back(id);
    for (const AgentId& id : agents) {
        if (master_.alive()) see_to(id, master_.core().state());
    }
    if (timeline_.chance(faults_.maintenance)) plan_maintenance();
    take_down();
    bring_up(0.2);
    mark_gone();
    if (timeline_.chance(faults_.sharing)) change_sharing();
    if (timeline_.chance(faults_.priorities)) set_priority();
}

void OperatorNode::tidy() {
    bring_up(1);
    master_.set_whitelist(std::nullopt);
    if (!master_.alive() || master_.core().state().priorities.empty()) return;
    master::PrioritiesUpdateRequested requested;
    for (const auto& [role, band] : master_.core().state().priorities) {
        requested.priorities.emplace(role, 0);
    }
    master_.request(std::move(requested));
}

/// Often the guarantee too that makes the band matter.
void OperatorNode::set_priority() {
    if (!master_.alive()) return;
    const std::string& role = roles_[timeline_.prng().below(roles_.size())];
    const auto band = static_cast<std::int32_t>(timeline_.prng().below(7)) - 2;
    timeline_.trace("operator gives {} band {}", role, band);
    master_.request(master::PrioritiesUpdateRequested{{}, {{role, band}}});
    if (band <= 0 || !timeline_.chance(0.9) || !master_.alive()) return;
    master::QuotaUpdateRequested quota;
    quota.force = true;
    auto& config = quota.configs.emplace_back();
    config.set_role(role);
    (*config.mutable_guarantees())["cpus"].set_value(
        static_cast<double>(2 + timeline_.prng().below(6)));
    master_.request(std::move(quota));
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
    if (timeline_.chance(100 * faults_.gone)) {
        requested.config.set_mark_gone(true);
        truth_.called_gone(agent);
        if (const auto name = machine_of(master_.core().state(), agent))
            truth_.asked_to_leave(*name);
    }
    timeline_.trace("operator drains {}{}", agent,
                    requested.config.mark_gone() ? ", to be gone" : "");
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

void OperatorNode::take_down() {
    if (!master_.alive() || !timeline_.chance(faults_.machine_down)) return;
    master::MachinesRequested requested;
    for (const auto& [key, machine] : master_.core().state().machines) {
        if (machine.mode == mesos::v1::MachineInfo::DOWN || timeline_.chance(0.5)) continue;
        requested.machines.push_back(machine.id);
        truth_.asked_to_leave(machine.id.hostname());
    }
    if (requested.machines.empty()) return;
    timeline_.trace("operator takes {} machines down", requested.machines.size());
    master_.request(std::move(requested));
}

void OperatorNode::bring_up(double chance) {
    if (!master_.alive()) return;
    master::MachinesRequested requested;
    requested.down = false;
    for (const auto& [key, machine] : master_.core().state().machines) {
        if (machine.mode == mesos::v1::MachineInfo::DOWN && timeline_.chance(chance))
            requested.machines.push_back(machine.id);
    }
    if (requested.machines.empty()) return;
    timeline_.trace("operator brings {} machines up", requested.machines.size());
    master_.request(std::move(requested));
}

/// Also of those that are away.
void OperatorNode::mark_gone() {
    if (!master_.alive()) return;
    const master::State& state = master_.core().state();
    std::vector<AgentId> agents;
    for (const auto& [id, agent] : state.agents) agents.push_back(id);
    for (const auto& [id, agent] : state.recovered_agents) agents.push_back(id);
    for (const auto& [id, agent] : state.unreachable_agents) agents.push_back(id);
    for (const AgentId& id : agents) {
        if (!master_.alive() || !timeline_.chance(faults_.gone)) continue;
        const auto machine = machine_of(master_.core().state(), id);
        if (!machine) continue;
        truth_.asked_to_leave(*machine);
        truth_.called_gone(id);
        timeline_.trace("operator marks {} gone", id);
        master_.request(master::MarkAgentGoneRequested{{}, id});
    }
}

void OperatorNode::change_sharing() {
    if (!master_.alive()) return;
    const std::string& role = roles_[timeline_.prng().below(roles_.size())];
    switch (timeline_.prng().below(5)) {
        case 0: {
            std::set<std::string> hostnames;
            for (const std::string& machine : machines_) {
                if (timeline_.chance(0.7)) hostnames.insert(machine);
            }
            timeline_.trace("operator offers {} machines", hostnames.size());
            return master_.set_whitelist(std::move(hostnames));
        }
        case 1: return master_.set_whitelist(std::nullopt);
        case 2: {
            master::WeightsUpdateRequested requested;
            auto& info = requested.infos.emplace_back();
            info.set_role(role);
            info.set_weight(0.5 + static_cast<double>(timeline_.prng().below(8)));
            return master_.request(std::move(requested));
        }
        default: return set_quota(role);
    }
}

/// A guarantee, a limit, both or none.
void OperatorNode::set_quota(const std::string& role) {
    master::QuotaUpdateRequested requested;
    requested.force = timeline_.chance(0.5);
    auto& config = requested.configs.emplace_back();
    config.set_role(role);
    double least = 0;
    if (timeline_.chance(0.5)) {
        least = static_cast<double>(timeline_.prng().below(40)) / 10;
        (*config.mutable_guarantees())["cpus"].set_value(least);
    }
    if (timeline_.chance(0.5)) {
        const double more = static_cast<double>(timeline_.prng().below(60)) / 10;
        (*config.mutable_limits())["cpus"].set_value(least + more);
        if (timeline_.chance(0.3)) (*config.mutable_limits())["mem"].set_value(more * 500);
    }
    timeline_.trace("operator sets a quota: {}", config.ShortDebugString());
    master_.request(std::move(requested));
}

}  // namespace tepui::sim
