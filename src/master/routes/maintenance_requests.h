#pragma once

#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "master/core/event.h"
#include "master/core_loop.h"
#include "mesos/v1/master/master.pb.h"

// What plans maintenance and drains agents, in the forms of the v1 API and those before it, as the
// core takes it.
namespace tepui::master {

/// Of UPDATE_MAINTENANCE_SCHEDULE, START_MAINTENANCE, STOP_MAINTENANCE and DRAIN_AGENT. Fails with
/// invalid_argument.
Result<MaintenanceRequest> maintenance_request_of(const mesos::v1::master::Call& call);

/// POST /maintenance/schedule: a mesos.v1.maintenance.Schedule in JSON.
Result<MaintenanceRequest> posted_schedule(std::string_view body);

/// POST /machine/down and /machine/up: a JSON list of mesos.v1.MachineID.
Result<MaintenanceRequest> posted_machines(std::string_view body, bool down);

/// Has it done and gives 200, or what it failed with; an agent that is not known is a bad request
/// to Mesos.
http::asio::awaitable<http::Response> answer_maintenance(CoreLoop& loop,
                                                         Result<MaintenanceRequest> wanted);

/// POST /tepui/cancel-drain (api/tepui/operator.proto).
http::asio::awaitable<http::Response> answer_cancel_drain(CoreLoop& loop, http::Request request);

}  // namespace tepui::master
