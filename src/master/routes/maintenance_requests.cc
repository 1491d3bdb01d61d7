#include "master/routes/maintenance_requests.h"

#include "daemon/api_request.h"
#include "daemon/await_callback.h"
#include "tepui/operator.pb.h"
#include "wire/json.h"

namespace tepui::master {
namespace {

using http::Response;
using mesos::v1::master::Call;

Error missing(std::string_view field) {
    return Error{Errc::invalid_argument, fmt::format("Expecting '{}' to be present", field)};
}

template <typename Ids>
MachinesRequested machines_request(const Ids& ids, bool down) {
    return {{}, {ids.begin(), ids.end()}, down};
}

Result<MaintenanceRequest> drain_request(const Call::DrainAgent& wanted) {
    constexpr std::int64_t most_seconds = INT64_MAX / 1'000'000'000 - 1;
    DrainRequested requested{{}, AgentId(wanted.agent_id().value()), {}};
    if (wanted.has_max_grace_period()) {
        const auto& grace = wanted.max_grace_period();
        if (grace.seconds() > most_seconds || grace.seconds() < -most_seconds ||
            grace.nanos() <= -1'000'000'000 || grace.nanos() >= 1'000'000'000) {
            return fail(Errc::invalid_argument, "The max_grace_period is out of range");
        }
        requested.config.mutable_max_grace_period()->set_nanoseconds(
            grace.seconds() * 1'000'000'000 + grace.nanos());
    }
    if (wanted.has_mark_gone()) requested.config.set_mark_gone(wanted.mark_gone());
    return requested;
}

http::asio::awaitable<Result<void>> done_by(CoreLoop& loop, MaintenanceRequest wanted) {
    auto start = [&loop, &wanted](std::function<void(Result<void>)> done) {
        loop.post_maintenance(std::move(wanted), std::move(done));
    };
    co_return co_await daemon::await_callback<Result<void>>(std::move(start));
}

}  // namespace

Result<MaintenanceRequest> maintenance_request_of(const Call& call) {
    switch (call.type()) {
        case Call::UPDATE_MAINTENANCE_SCHEDULE:
            if (!call.has_update_maintenance_schedule()) {
                return std::unexpected(missing("update_maintenance_schedule"));
            }
            return MaintenanceScheduleRequested{{}, call.update_maintenance_schedule().schedule()};
        case Call::START_MAINTENANCE:
            if (!call.has_start_maintenance()) {
                return std::unexpected(missing("start_maintenance"));
            }
            return machines_request(call.start_maintenance().machines(), true);
        case Call::STOP_MAINTENANCE:
            if (!call.has_stop_maintenance()) return std::unexpected(missing("stop_maintenance"));
            return machines_request(call.stop_maintenance().machines(), false);
        case Call::DRAIN_AGENT:
            if (!call.has_drain_agent()) return std::unexpected(missing("drain_agent"));
            return drain_request(call.drain_agent());
        default: break;
    }
    return fail(Errc::invalid_argument, "{} plans no maintenance", Call::Type_Name(call.type()));
}

Result<MaintenanceRequest> posted_schedule(std::string_view body) {
    MaintenanceScheduleRequested requested;
    TEPUI_CHECK_OK(wire::json_to_message(body, requested.schedule));
    return requested;
}

Result<MaintenanceRequest> posted_machines(std::string_view body, bool down) {
    const std::size_t begin = body.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos || body[begin] != '[') {
        return fail(Errc::invalid_argument,
                    R"(The body has to be a list: [{{"hostname": "node1", "ip": "10.0.0.1"}}])");
    }
    Call::StartMaintenance machines;
    TEPUI_CHECK_OK(wire::json_to_message(fmt::format(R"({{"machines":{}}})", body), machines));
    return machines_request(machines.machines(), down);
}

http::asio::awaitable<Response> answer_maintenance(CoreLoop& loop,
                                                   Result<MaintenanceRequest> wanted) {
    if (!wanted) co_return Response::error(wanted.error());
    const Result<void> result = co_await done_by(loop, std::move(*wanted));
    if (result) co_return Response::empty(200);
    if (result.error().code == Errc::not_found) co_return Response::text(400, result.error().text);
    co_return Response::error(result.error());
}

http::asio::awaitable<Response> answer_cancel_drain(CoreLoop& loop, http::Request request) {
    const auto media = daemon::check_content_type(request);
    if (!media) co_return media.error();
    operator_api::CancelDrain cancel;
    if (const auto decoded = wire::decode(*media, request.body, cancel); !decoded) {
        co_return Response::error(decoded.error());
    }
    const Result<void> result =
        co_await done_by(loop, DrainCancelRequested{{}, AgentId(cancel.agent_id())});
    co_return result ? Response::empty(200) : Response::error(result.error());
}

}  // namespace tepui::master
