#include "master/core/maintenance.h"

#include <algorithm>
#include <ranges>

#include "master/core/agent_loss.h"
#include "master/core/agent_review.h"
#include "master/core/inverse_offers.h"
#include "master/core/machines.h"
#include "master/core/offers.h"

namespace tepui::master {

namespace {

using mesos::v1::MachineInfo;

struct Plan {
    mesos::v1::maintenance::Schedule schedule;
    std::vector<mesos::v1::MachineID> down;
};

// As the newest record has it that was given to the registry: what the next one builds on.
Plan newest_plan(const State& state) {
    for (const auto& [token, continuation] : std::views::reverse(state.pending.continuations)) {
        if (const auto* stored = std::get_if<MaintenanceStored>(&continuation)) {
            return {stored->schedule, stored->down};
        }
    }
    Plan plan{state.maintenance_schedule, {}};
    for (const auto& [key, machine] : state.machines) {
        if (machine.mode == MachineInfo::DOWN) plan.down.push_back(machine.id);
    }
    return plan;
}

void store(Turn& turn, RequestToken request, Plan plan) {
    registry::MaintenanceRecord record;
    *record.mutable_schedule() = plan.schedule;
    for (const mesos::v1::MachineID& id : plan.down) *record.add_down() = id;
    turn.persist({{maintenance_key, record.SerializeAsString()}},
                 MaintenanceStored{request, std::move(plan.schedule), std::move(plan.down)});
}

void answer(Turn& turn, RequestToken request, Result<void> result) {
    turn.effects.emplace_back(AnswerRequest{request, std::move(result)});
}

std::set<MachineKey> keys_of(std::span<const mesos::v1::MachineID> machines) {
    std::set<MachineKey> keys;
    for (const mesos::v1::MachineID& id : machines) keys.insert(machine_key(id));
    return keys;
}

Result<void> check_machines(const Plan& plan, const MachinesRequested& requested) {
    if (requested.machines.empty()) return fail(Errc::invalid_argument, "No machine is listed");
    TEPUI_CHECK_OK(validate_machines(requested.machines));
    const auto scheduled = keys_of(machines_of(plan.schedule));
    const auto down = keys_of(plan.down);
    for (const mesos::v1::MachineID& id : requested.machines) {
        const MachineKey key = machine_key(id);
        if (!scheduled.contains(key)) {
            return fail(Errc::invalid_argument,
                        "Machine {} is not in the maintenance schedule; name it as the schedule "
                        "does, or add it there first",
                        machine_text(id));
        }
        if (down.contains(key) != requested.down) continue;
        return fail(Errc::invalid_argument, "Machine {} is {}", machine_text(id),
                    requested.down ? "down already" : "not down");
    }
    return {};
}

void take_out(mesos::v1::maintenance::Schedule& schedule, const std::set<MachineKey>& machines) {
    mesos::v1::maintenance::Schedule kept;
    for (auto& window : *schedule.mutable_windows()) {
        auto& ids = *window.mutable_machine_ids();
        const auto end = std::remove_if(ids.begin(), ids.end(), [&](const auto& id) {
            return machines.contains(machine_key(id));
        });
        ids.DeleteSubrange(static_cast<int>(end - ids.begin()), static_cast<int>(ids.end() - end));
        if (!ids.empty()) *kept.add_windows() = std::move(window);
    }
    schedule = std::move(kept);
}

bool same(const mesos::v1::Unavailability& a, const mesos::v1::Unavailability& b) {
    return a.SerializeAsString() == b.SerializeAsString();
}

// Answers are for one plan: when it changes, frameworks have to think again.
void set_machines(State& state, const mesos::v1::maintenance::Schedule& schedule,
                  const std::set<MachineKey>& down) {
    std::map<MachineKey, Machine> old = std::exchange(state.machines, {});
    for (const auto& window : schedule.windows()) {
        for (const mesos::v1::MachineID& id : window.machine_ids()) {
            const MachineKey key = machine_key(id);
            Machine machine{.id = id,
                            .mode = down.contains(key) ? MachineInfo::DOWN : MachineInfo::DRAINING,
                            .unavailability = window.unavailability(),
                            .answers = {}};
            if (const auto it = old.find(key);
                it != old.end() && same(it->second.unavailability, machine.unavailability)) {
                machine.answers = std::move(it->second.answers);
            }
            state.machines.insert_or_assign(key, std::move(machine));
        }
    }
    state.maintenance_schedule = schedule;
}

void set_unavailability(Turn& turn, Agent& agent, const mesos::v1::Unavailability* planned) {
    const bool unchanged = planned == nullptr ? agent.unavailability == nullptr
                                              : agent.unavailability != nullptr &&
                                                    same(*agent.unavailability, *planned);
    if (unchanged) return;
    rescind_offers_on(turn, agent);
    rescind_inverse_offers_on(turn, agent, false);
    forget_inverse_filters(turn, agent.id);
    agent.unavailability =
        planned == nullptr ? nullptr : std::make_shared<const mesos::v1::Unavailability>(*planned);
    update_watch(turn.state, agent.id);
    turn.changed(agent.id);
}

}  // namespace

void recover_maintenance(Turn& turn, const Registry& registry) {
    const auto& record = registry.maintenance;
    set_machines(turn.state, record.schedule(),
                 keys_of(std::vector(record.down().begin(), record.down().end())));
}

void on_requested(Turn& turn, const MaintenanceScheduleRequested& requested) {
    Plan plan = newest_plan(turn.state);
    if (auto valid = validate_schedule(requested.schedule, plan.down); !valid) {
        return answer(turn, requested.request, std::move(valid));
    }
    plan.schedule = requested.schedule;
    store(turn, requested.request, std::move(plan));
}

void on_requested(Turn& turn, const MachinesRequested& requested) {
    Plan plan = newest_plan(turn.state);
    if (auto valid = check_machines(plan, requested); !valid) {
        return answer(turn, requested.request, std::move(valid));
    }
    if (requested.down) {
        plan.down.insert(plan.down.end(), requested.machines.begin(), requested.machines.end());
    } else {
        const std::set<MachineKey> up = keys_of(requested.machines);
        std::erase_if(plan.down, [&](const auto& id) { return up.contains(machine_key(id)); });
        take_out(plan.schedule, up);
    }
    store(turn, requested.request, std::move(plan));
}

void on_maintenance_stored(Turn& turn, const MaintenanceStored& stored) {
    State& state = turn.state;
    set_machines(state, stored.schedule, keys_of(stored.down));
    turn.log(Severity::info, "Maintenance is planned for {} machines, of which {} are down",
             state.machines.size(), stored.down.size());
    for (auto& [id, agent] : state.agents) place_on_machine(turn, agent);
    turn.maintenance_changed();
    answer(turn, stored.request, {});
}

void place_on_machine(Turn& turn, Agent& agent) {
    const Machine* machine = find_machine(turn.state.machines, agent.info->hostname(), agent.ip);
    set_unavailability(turn, agent, machine == nullptr ? nullptr : &machine->unavailability);
    if (machine == nullptr || machine->mode != MachineInfo::DOWN) return;
    begin_removal(
        turn, agent,
        fmt::format("Agent {} removed: Operator initiated 'Machine DOWN'", agent.info->hostname()),
        "");
}

std::optional<std::string> machine_obstacle(const State& state, const std::string& hostname,
                                            const std::string& ip) {
    const Machine* machine = find_machine(state.machines, hostname, ip);
    if (machine == nullptr || machine->mode != MachineInfo::DOWN) return std::nullopt;
    return fmt::format(
        "Machine {} is down for maintenance; agents on it may register when it is brought up "
        "(STOP_MAINTENANCE)",
        machine_text(machine->id));
}

}  // namespace tepui::master
