#include <google/protobuf/descriptor.h>

#include "agent/routes/measures.h"
#include "agent/routes/routes.h"
#include "agent/routes/state_views.h"
#include "daemon/api_request.h"
#include "daemon/on_worker.h"
#include "daemon/v1_answers.h"
#include "daemon/version_info.h"
#include "wire/json_writer.h"
#include "wire/media.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using v1::agent::Call;
using v1::agent::Response;

const std::set<std::string_view> optional_bodies{"GET_CONTAINERS", "PRUNE_IMAGES"};

/// JSON of a list answer: Mesos writes its lists also when they are empty.
void write_lists(wire::JsonWriter& json, const google::protobuf::Message& message) {
    const auto* descriptor = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    json.begin_object();
    for (int i = 0; i < descriptor->field_count(); ++i) {
        const auto* field = descriptor->field(i);
        if (!field->is_repeated()) {
            if (!reflection->HasField(message, field)) continue;
            json.key(field->name());
            write_lists(json, reflection->GetMessage(message, field));
            continue;
        }
        json.key(field->name()).begin_array();
        for (int each = 0; each < reflection->FieldSize(message, field); ++each) {
            json.message(reflection->GetRepeatedMessage(message, field, each));
        }
        json.end_array();
    }
    json.end_object();
}

std::string encode(wire::Media media, const Response& response) {
    if (media == wire::Media::protobuf) return wire::encode(media, response);
    switch (response.type()) {
        case Response::GET_STATE:
        case Response::GET_TASKS:
        case Response::GET_EXECUTORS:
        case Response::GET_FRAMEWORKS: break;
        default: return wire::encode(media, response);
    }
    const std::string& name = Response::Type_Name(response.type());
    const auto* field = Response::descriptor()->FindFieldByName(daemon::lower_case(name));
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object().key("type").value(name).key(field->name());
    write_lists(json, response.GetReflection()->GetMessage(response, field));
    json.end_object();
    return out;
}

/// Answers that are made of the core's state alone.
std::function<Response(const State&)> from_state(Call::Type type,
                                                 std::shared_ptr<Backend> backend) {
    switch (type) {
        case Call::GET_STATE:
            return [](const State& state) {
                Response response;
                response.set_type(Response::GET_STATE);
                *response.mutable_get_state()->mutable_get_tasks() = get_tasks(state);
                *response.mutable_get_state()->mutable_get_executors() = get_executors(state);
                *response.mutable_get_state()->mutable_get_frameworks() = get_frameworks(state);
                return response;
            };
        case Call::GET_TASKS:
            return [](const State& state) {
                Response response;
                response.set_type(Response::GET_TASKS);
                *response.mutable_get_tasks() = get_tasks(state);
                return response;
            };
        case Call::GET_EXECUTORS:
            return [](const State& state) {
                Response response;
                response.set_type(Response::GET_EXECUTORS);
                *response.mutable_get_executors() = get_executors(state);
                return response;
            };
        case Call::GET_FRAMEWORKS:
            return [](const State& state) {
                Response response;
                response.set_type(Response::GET_FRAMEWORKS);
                *response.mutable_get_frameworks() = get_frameworks(state);
                return response;
            };
        case Call::GET_OPERATIONS:
            return [](const State& state) {
                Response response;
                response.set_type(Response::GET_OPERATIONS);
                *response.mutable_get_operations() = get_operations(state);
                return response;
            };
        case Call::GET_AGENT:
            return [](const State& state) {
                Response response;
                response.set_type(Response::GET_AGENT);
                *response.mutable_get_agent() = get_agent(state);
                return response;
            };
        case Call::GET_METRICS:
            return [backend](const State& state) {
                return daemon::metrics_answer<Response>(all_metrics(*backend, state));
            };
        default: return {};
    }
}

/// Answers that need nothing.
std::optional<Response> constant(Call::Type type, const Identity& identity) {
    switch (type) {
        case Call::GET_HEALTH: return daemon::health_answer<Response>();
        case Call::GET_VERSION: return daemon::version_answer<Response>(daemon::version_info());
        case Call::GET_FLAGS: return daemon::flags_answer<Response>(identity.flags);
        default: return std::nullopt;
    }
}

asio::awaitable<Result<Response>> answer(std::shared_ptr<Backend> backend, Call call) {
    if (auto response = constant(call.type(), backend->identity())) co_return std::move(*response);
    if (auto make = from_state(call.type(), backend)) {
        auto response = co_await backend->from_state<Response>(std::move(make));
        co_return response;
    }
    if (call.type() == Call::GET_LOGGING_LEVEL) {
        const Instant now = backend->clock().now().instant;
        co_return daemon::logging_level_answer<Response>(backend->log_level().at(now));
    }
    if (call.type() == Call::GET_CONTAINERS) {
        const bool nested = call.get_containers().show_nested();
        const bool standalone = call.get_containers().show_standalone();
        auto containers = co_await containers_with_usage(backend, nested, standalone);
        if (!containers) co_return std::unexpected(containers.error());
        Response response;
        response.set_type(Response::GET_CONTAINERS);
        *response.mutable_get_containers() = std::move(*containers);
        co_return response;
    }
    if (call.type() == Call::LIST_FILES || call.type() == Call::READ_FILE) {
        std::function<Result<Response>()> work = [backend, call] {
            return call.type() == Call::LIST_FILES
                       ? daemon::list_files_answer<Response>(backend->files(),
                                                             call.list_files().path())
                       : daemon::read_file_answer<Response>(backend->files(), call.read_file());
        };
        auto response = co_await daemon::on_worker(backend->workers(), std::move(work));
        co_return response;
    }
    co_return fail(Errc::unsupported, "{} is not supported by this agent.",
                   Call::Type_Name(call.type()));
}

asio::awaitable<http::Response> serve(std::shared_ptr<Backend> backend, http::Request request) {
    if (!backend->is_recovered()) {
        co_return http::Response::text(503, "The agent has not finished recovery.");
    }
    if (request.upload) {
        auto taken = co_await serve_container_input(backend, std::move(request));
        co_return taken;
    }
    Call call;
    if (const auto sent = daemon::check_content_type(request)) {
        const auto decoded = daemon::decode_call(request, *sent, call, optional_bodies);
        if (decoded && is_container_call(call.type())) {
            auto served =
                co_await serve_container_call(backend, std::move(request), std::move(call));
            co_return served;
        }
        call.Clear();
    }
    const auto media = daemon::check_operator_call(request, call, optional_bodies);
    if (!media) co_return media.error();
    if (call.type() == Call::SET_LOGGING_LEVEL) {
        const auto raised = daemon::set_logging_level(
            backend->log_level(), call.set_logging_level(), backend->clock().now().instant);
        co_return raised ? http::Response::empty(200) : http::Response::error(raised.error());
    }
    if (call.type() == Call::PRUNE_IMAGES) {
        auto pruned = co_await prune_images(backend, std::move(*call.mutable_prune_images()));
        co_return pruned ? http::Response::empty(200) : daemon::api_error(pruned.error());
    }
    const auto response = co_await answer(backend, std::move(call));
    if (!response) co_return daemon::api_error(response.error());
    co_return daemon::api_response(*media,
                                   std::make_shared<const std::string>(encode(*media, *response)));
}

}  // namespace

void add_api_route(http::Router& router, std::shared_ptr<Backend> backend) {
    router.add(
        "/api/v1", {"POST"},
        [backend](http::Request request) { return serve(backend, std::move(request)); },
        /*takes_uploads=*/true);
}

}  // namespace tepui::agent
