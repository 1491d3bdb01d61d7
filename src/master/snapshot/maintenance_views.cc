#include "master/snapshot/maintenance_views.h"

#include "wire/json_writer.h"

namespace tepui::master {
namespace {

using mesos::v1::master::Response;

std::string json_of(const google::protobuf::Message& message) {
    std::string out;
    wire::JsonWriter json(out);
    json.message(message);
    return out;
}

}  // namespace

MaintenanceView maintenance_view(const State& state) {
    MaintenanceView view{state.maintenance_schedule, {}};
    for (const auto& [key, machine] : state.machines) {
        if (machine.mode == mesos::v1::MachineInfo::DOWN) {
            *view.status.add_down_machines() = machine.id;
            continue;
        }
        auto& draining = *view.status.add_draining_machines();
        *draining.mutable_id() = machine.id;
        for (const auto& [framework, answer] : machine.answers) *draining.add_statuses() = answer;
    }
    return view;
}

Response get_maintenance_schedule(const Snapshot& snapshot) {
    Response response;
    response.set_type(Response::GET_MAINTENANCE_SCHEDULE);
    *response.mutable_get_maintenance_schedule()->mutable_schedule() =
        snapshot.maintenance->schedule;
    return response;
}

Response get_maintenance_status(const Snapshot& snapshot) {
    Response response;
    response.set_type(Response::GET_MAINTENANCE_STATUS);
    *response.mutable_get_maintenance_status()->mutable_status() = snapshot.maintenance->status;
    return response;
}

std::string render_maintenance_schedule(const Snapshot& snapshot) {
    return json_of(snapshot.maintenance->schedule);
}

std::string render_maintenance_status(const Snapshot& snapshot) {
    return json_of(snapshot.maintenance->status);
}

}  // namespace tepui::master
