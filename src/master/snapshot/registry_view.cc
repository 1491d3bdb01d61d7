#include "master/snapshot/registry_view.h"

#include <algorithm>
#include <string>

#include "wire/json_writer.h"

namespace tepui::master {

using wire::JsonWriter;

namespace {

/// What operators asked for; each left out when there is none, as Mesos does.
void write_operators_wishes(JsonWriter& json, const Snapshot& snapshot) {
    const MaintenanceView& maintenance = *snapshot.maintenance;
    const auto is_down = [&](const mesos::v1::MachineID& machine) {
        const std::string wanted = machine.SerializeAsString();
        return std::ranges::any_of(maintenance.status.down_machines(), [&](const auto& down) {
            return down.SerializeAsString() == wanted;
        });
    };
    if (maintenance.schedule.windows_size() > 0) {
        json.key("machines").begin_object().key("machines").begin_array();
        for (const auto& window : maintenance.schedule.windows()) {
            for (const auto& machine : window.machine_ids()) {
                mesos::v1::MachineInfo info;
                *info.mutable_id() = machine;
                info.set_mode(is_down(machine) ? mesos::v1::MachineInfo::DOWN
                                               : mesos::v1::MachineInfo::DRAINING);
                *info.mutable_unavailability() = window.unavailability();
                json.begin_object().key("info").message(info).end_object();
            }
        }
        json.end_array().end_object();
        json.key("schedules").begin_array().message(maintenance.schedule).end_array();
    }
    if (!snapshot.weights->empty()) {
        json.key("weights").begin_array();
        for (const auto& [role, weight] : *snapshot.weights) {
            mesos::v1::WeightInfo info;
            info.set_role(role);
            info.set_weight(weight);
            json.begin_object().key("info").message(info).end_object();
        }
        json.end_array();
    }
    if (!snapshot.quotas->empty()) {
        json.key("quota_configs").begin_array();
        for (const auto& [role, quota] : *snapshot.quotas)
            json.message(to_quota_config(role, quota));
        json.end_array();
    }
}

}  // namespace

std::string render_registry(const Snapshot& snapshot) {
    std::string out;
    JsonWriter json(out);
    const auto write_info = [&](const AgentId&, const auto& agent) {
        json.begin_object().key("info").message(*agent->info).end_object();
    };
    json.begin_object();
    json.key("master").begin_object().key("info").message(snapshot.facts->info).end_object();
    json.key("slaves").begin_object().key("slaves").begin_array();
    snapshot.agents.for_each(write_info);
    snapshot.recovered_agents.for_each(write_info);
    json.end_array().end_object();
    const auto write_since = [&](const AgentId& id, const WallTime& since) {
        json.begin_object();
        json.key("id").begin_object().key("value").value(id.value).end_object();
        json.key("timestamp").message(time_info(since)).end_object();
    };
    json.key("unreachable").begin_object().key("slaves").begin_array();
    snapshot.unreachable_agents.for_each(write_since);
    json.end_array().end_object();
    json.key("gone").begin_object().key("slaves").begin_array();
    snapshot.gone_agents.for_each(write_since);
    json.end_array().end_object();
    write_operators_wishes(json, snapshot);
    json.end_object();
    return out;
}

}  // namespace tepui::master
