#include "master/routes/operator_route.h"

#include "daemon/api_request.h"
#include "daemon/await_callback.h"
#include "daemon/v1_answers.h"
#include "master/routes/maintenance_requests.h"
#include "master/routes/operation_requests.h"
#include "master/routes/quota_requests.h"
#include "master/snapshot/maintenance_views.h"
#include "master/snapshot/operation_views.h"
#include "master/snapshot/v1_views.h"
#include "tepui/operator.pb.h"

namespace tepui::master {
namespace {

using http::Response;
using mesos::v1::master::Call;
using Answer = mesos::v1::master::Response;

Response answer_response(wire::Media media, const Answer& answer) {
    return daemon::api_response(media,
                                std::make_shared<const std::string>(wire::encode(media, answer)));
}

std::string render_get_operations(const Snapshot& snapshot, wire::Media media) {
    return wire::encode(media, get_operations(snapshot));
}

std::string render_get_roles(const Snapshot& snapshot, wire::Media media) {
    return wire::encode(media, get_roles(snapshot));
}

std::string render_get_weights(const Snapshot& snapshot, wire::Media media) {
    return wire::encode(media, get_weights(snapshot));
}

std::string render_get_quota(const Snapshot& snapshot, wire::Media media) {
    return wire::encode(media, get_quota(snapshot));
}

std::string render_get_maintenance_status(const Snapshot& snapshot, wire::Media media) {
    return wire::encode(media, get_maintenance_status(snapshot));
}

std::string render_get_maintenance_schedule(const Snapshot& snapshot, wire::Media media) {
    return wire::encode(media, get_maintenance_schedule(snapshot));
}

}  // namespace

asio::awaitable<Response> OperatorRoute::handle(http::Request request) {
    Call call;
    const auto media = daemon::check_operator_call(request, call);
    if (!media) co_return media.error();
    if (call.type() == Call::SUBSCRIBE) co_return subscribe(request, *media);
    co_return co_await dispatch(std::move(call), *media);
}

Response OperatorRoute::subscribe(const http::Request& request, wire::Media media) {
    auto wanted = parse_event_request(request.query);
    if (!wanted) return Response::error(wanted.error());
    Response response;
    response.headers.set("Content-Type", std::string(to_string(media)));
    response.stream = streams_.open(std::move(*wanted), media, request.remote);
    return response;
}

asio::awaitable<Response> OperatorRoute::dispatch(Call call, wire::Media media) {
    switch (call.type()) {
        case Call::GET_HEALTH: co_return answer_response(media, daemon::health_answer<Answer>());
        case Call::GET_VERSION:
            co_return answer_response(media, daemon::version_answer<Answer>(facts_->version));
        case Call::GET_FLAGS:
            co_return answer_response(media, daemon::flags_answer<Answer>(facts_->flags));
        case Call::GET_LOGGING_LEVEL:
            co_return answer_response(
                media, daemon::logging_level_answer<Answer>(log_level_.at(clock_.now().instant)));
        case Call::SET_LOGGING_LEVEL: {
            const auto raised = daemon::set_logging_level(log_level_, call.set_logging_level(),
                                                          clock_.now().instant);
            co_return raised ? Response::empty(200) : Response::error(raised.error());
        }
        case Call::GET_WEIGHTS: co_return co_await view("GET_WEIGHTS", media, render_get_weights);
        case Call::UPDATE_WEIGHTS:
            co_return co_await update_weights(std::move(*call.mutable_update_weights()));
        case Call::GET_QUOTA: co_return co_await view("GET_QUOTA", media, render_get_quota);
        case Call::UPDATE_QUOTA:
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // Older clients.
        case Call::SET_QUOTA:
        case Call::REMOVE_QUOTA:
#pragma clang diagnostic pop
            co_return co_await answer_quota_update(loop_, quota_update_of(call));
        case Call::GET_OPERATIONS:
            co_return co_await view("GET_OPERATIONS", media, render_get_operations);
        case Call::RESERVE_RESOURCES:
        case Call::UNRESERVE_RESOURCES:
        case Call::CREATE_VOLUMES:
        case Call::DESTROY_VOLUMES:
        case Call::GROW_VOLUME:
        case Call::SHRINK_VOLUME:
            co_return co_await answer_operation(loop_, operation_request_of(call));
        case Call::GET_MAINTENANCE_STATUS:
            co_return co_await view("GET_MAINTENANCE_STATUS", media, render_get_maintenance_status);
        case Call::GET_MAINTENANCE_SCHEDULE:
            co_return co_await view("GET_MAINTENANCE_SCHEDULE", media,
                                    render_get_maintenance_schedule);
        case Call::UPDATE_MAINTENANCE_SCHEDULE:
        case Call::START_MAINTENANCE:
        case Call::STOP_MAINTENANCE:
        case Call::DRAIN_AGENT:
            co_return co_await answer_maintenance(loop_, maintenance_request_of(call));
        case Call::GET_MASTER: co_return answer_response(media, get_master(*facts_));
        case Call::GET_STATE: co_return co_await view("GET_STATE", media, render_get_state);
        case Call::GET_AGENTS: co_return co_await view("GET_AGENTS", media, render_get_agents);
        case Call::GET_FRAMEWORKS:
            co_return co_await view("GET_FRAMEWORKS", media, render_get_frameworks);
        case Call::GET_TASKS: co_return co_await view("GET_TASKS", media, render_get_tasks);
        case Call::GET_EXECUTORS:
            co_return co_await view("GET_EXECUTORS", media, render_get_executors);
        case Call::GET_ROLES: co_return co_await view("GET_ROLES", media, render_get_roles);
        case Call::GET_METRICS: co_return co_await get_metrics(media);
        case Call::LIST_FILES:
        case Call::READ_FILE: co_return co_await files(std::move(call), media);
        case Call::TEARDOWN:
            co_return co_await teardown(FrameworkId(call.teardown().framework_id().value()));
        case Call::MARK_AGENT_GONE:
            co_return co_await mark_gone(AgentId(call.mark_agent_gone().agent_id().value()));
        case Call::DEACTIVATE_AGENT:
            co_return co_await set_deactivated(AgentId(call.deactivate_agent().agent_id().value()),
                                               true);
        case Call::REACTIVATE_AGENT:
            co_return co_await set_deactivated(AgentId(call.reactivate_agent().agent_id().value()),
                                               false);
        default: break;
    }
    co_return Response::text(
        501, fmt::format("{} is not supported by this master.", Call::Type_Name(call.type())));
}

asio::awaitable<Response> OperatorRoute::view(const char* name, wire::Media media,
                                              std::string (*render)(const Snapshot&, wire::Media)) {
    auto bound = [render, media](const Snapshot& snapshot) { return render(snapshot, media); };
    std::string key = fmt::format("{} {}", name, to_string(media));
    auto body = co_await reader_.shared_body(std::move(key), std::move(bound));
    if (!body) co_return Response::error(body.error());
    co_return daemon::api_response(media, std::move(*body));
}

asio::awaitable<Response> OperatorRoute::get_metrics(wire::Media media) {
    const auto metrics = co_await reader_.metrics();
    co_return answer_response(media, daemon::metrics_answer<Answer>(metrics));
}

asio::awaitable<Response> OperatorRoute::files(Call call, wire::Media media) {
    auto work = [this, call, media]() -> Result<std::string> {
        auto answer = call.type() == Call::LIST_FILES
                          ? daemon::list_files_answer<Answer>(files_, call.list_files().path())
                          : daemon::read_file_answer<Answer>(files_, call.read_file());
        return wire::encode(media, TEPUI_TRY(std::move(answer)));
    };
    auto body = co_await reader_.work(std::move(work));
    if (!body) co_return daemon::api_error(body.error());
    co_return daemon::api_response(media, std::move(*body));
}

asio::awaitable<Response> OperatorRoute::teardown(FrameworkId framework) {
    auto start = [this, &framework](std::function<void(Result<void>)> done) {
        loop_.post_teardown(std::move(framework), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    if (result) co_return Response::empty(200);
    if (result.error().code == Errc::not_found) co_return Response::text(400, result.error().text);
    co_return Response::error(result.error());
}

asio::awaitable<Response> OperatorRoute::mark_gone(AgentId agent) {
    if (agent.empty()) {
        co_return Response::text(400, "Expecting 'mark_agent_gone' with an 'agent_id'");
    }
    auto start = [this, &agent](std::function<void(Result<void>)> done) {
        loop_.post_mark_gone(std::move(agent), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    co_return result ? Response::empty(200) : Response::error(result.error());
}

asio::awaitable<Response> OperatorRoute::set_deactivated(AgentId agent, bool deactivated) {
    auto start = [this, &agent, deactivated](std::function<void(Result<void>)> done) {
        loop_.post_deactivation(std::move(agent), deactivated, std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    if (result) co_return Response::empty(200);
    // An agent that is not known is a bad request to Mesos, as the recorded DRAIN_AGENT.
    if (result.error().code == Errc::not_found) co_return Response::text(400, result.error().text);
    co_return Response::error(result.error());
}

asio::awaitable<Response> OperatorRoute::update_weights(Call::UpdateWeights wanted) {
    std::vector<mesos::v1::WeightInfo> infos(wanted.weight_infos().begin(),
                                             wanted.weight_infos().end());
    auto start = [this, &infos](std::function<void(Result<void>)> done) {
        loop_.post_weights(std::move(infos), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    co_return result ? Response::empty(200) : Response::error(result.error());
}

asio::awaitable<Response> OperatorRoute::kill_task(http::Request request) {
    const auto media = daemon::check_content_type(request);
    if (!media) co_return media.error();
    operator_api::KillTask kill;
    if (const auto decoded = wire::decode(*media, request.body, kill); !decoded) {
        co_return Response::error(decoded.error());
    }
    auto start = [this, &kill](std::function<void(Result<void>)> done) {
        std::optional<mesos::v1::KillPolicy> policy;
        if (kill.has_kill_policy()) policy = kill.kill_policy();
        loop_.post_kill(FrameworkId(kill.framework_id()), TaskId(kill.task_id()), std::move(policy),
                        std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    co_return result ? Response::empty(202) : Response::error(result.error());
}

}  // namespace tepui::master
