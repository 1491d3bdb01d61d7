#include <google/protobuf/descriptor.h>

#include "agent/routes/routes.h"
#include "agent/routes/state_views.h"
#include "wire/json_writer.h"
#include "wire/media.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using v1::agent::Call;
using v1::agent::Response;

struct Accepted {
    Call call;
    wire::Media answer = wire::Media::json;
};

std::unexpected<http::Response> refuse(unsigned status, std::string text) {
    return std::unexpected(http::Response::text(status, std::move(text)));
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

/// The body of a call is the field named like its type; only GET_CONTAINERS may go without.
std::optional<std::string> missing_body(const Call& call) {
    const std::string name = lower_case(Call::Type_Name(call.type()));
    const auto* field = Call::descriptor()->FindFieldByName(name);
    if (field == nullptr || call.type() == Call::GET_CONTAINERS) return std::nullopt;
    if (call.GetReflection()->HasField(call, field)) return std::nullopt;
    return name;
}

/// The checks of endpoints.md section 9, in their order. Content-Type is compared exactly, as Mesos
/// does: parameters are refused.
std::expected<Accepted, http::Response> check(const http::Request& request) {
    const auto content_type = request.headers.find("Content-Type");
    if (!content_type) {
        return refuse(400, "The request has no Content-Type: say application/json or "
                           "application/x-protobuf.");
    }
    const bool is_json = *content_type == wire::media_json;
    if (!is_json && *content_type != wire::media_protobuf) {
        return refuse(415, "This Content-Type is not understood: send application/json or "
                           "application/x-protobuf.");
    }
    Accepted accepted;
    const auto decoded = wire::decode(is_json ? wire::Media::json : wire::Media::protobuf,
                                      request.body, accepted.call);
    if (!decoded) return refuse(400, "The body is not a valid call: " + decoded.error().text);
    if (!accepted.call.has_type() || accepted.call.type() == Call::UNKNOWN) {
        return refuse(400, "The call is not valid: its 'type' is missing or unknown.");
    }
    if (const auto body = missing_body(accepted.call)) {
        return refuse(400, fmt::format("The call is not valid: {} needs the field '{}'.",
                                       Call::Type_Name(accepted.call.type()), *body));
    }
    const auto answer = wire::negotiate(request.headers.find("Accept"));
    if (!answer) {
        return refuse(406, "Nothing in Accept can be given: ask for application/json or "
                           "application/x-protobuf.");
    }
    accepted.answer = *answer;
    return accepted;
}

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
    const auto* field = Response::descriptor()->FindFieldByName(lower_case(name));
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object().key("type").value(name).key(field->name());
    write_lists(json, response.GetReflection()->GetMessage(response, field));
    json.end_object();
    return out;
}

/// Answers that are made of the core's state alone.
std::function<Response(const State&)> from_state(Call::Type type, std::shared_ptr<Backend> backend) {
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
        case Call::GET_AGENT:
            return [](const State& state) {
                Response response;
                response.set_type(Response::GET_AGENT);
                *response.mutable_get_agent() = get_agent(state);
                return response;
            };
        case Call::GET_METRICS:
            return [backend](const State& state) {
                Response response;
                response.set_type(Response::GET_METRICS);
                for (const auto& [name, value] :
                     metrics(state, backend->identity(), backend->now())) {
                    v1::Metric& metric = *response.mutable_get_metrics()->add_metrics();
                    metric.set_name(name);
                    metric.set_value(value);
                }
                return response;
            };
        default: return {};
    }
}

/// Answers that need nothing.
std::optional<Response> constant(Call::Type type, const Identity& identity) {
    Response response;
    switch (type) {
        case Call::GET_HEALTH:
            response.set_type(Response::GET_HEALTH);
            response.mutable_get_health()->set_healthy(true);
            return response;
        case Call::GET_VERSION:
            response.set_type(Response::GET_VERSION);
            *response.mutable_get_version()->mutable_version_info() = version_info();
            return response;
        case Call::GET_FLAGS:
            response.set_type(Response::GET_FLAGS);
            for (const auto& [name, value] : identity.flags) {
                v1::Flag& flag = *response.mutable_get_flags()->add_flags();
                flag.set_name(name);
                flag.set_value(value);
            }
            return response;
        default: return std::nullopt;
    }
}

Result<Response> list_files(const Files& files, const std::string& path) {
    Response response;
    response.set_type(Response::LIST_FILES);
    response.mutable_list_files();
    for (const FileEntry& entry : TEPUI_TRY(files.list(path))) {
        v1::FileInfo& info = *response.mutable_list_files()->add_file_infos();
        info.set_path(entry.path);
        info.set_nlink(static_cast<std::int32_t>(entry.status.st_nlink));
        info.set_size(static_cast<std::uint64_t>(entry.status.st_size));
        info.mutable_mtime()->set_nanoseconds(entry.status.st_mtim.tv_sec * 1'000'000'000L);
        info.set_mode(entry.status.st_mode);
        info.set_uid(user_name(entry.status.st_uid));
        info.set_gid(group_name(entry.status.st_gid));
    }
    return response;
}

Result<Response> read_file(const Files& files, const Call::ReadFile& call) {
    const std::optional<std::uint64_t> length =
        call.has_length() ? std::optional(call.length()) : std::nullopt;
    FilePage page = TEPUI_TRY(files.read(call.path(), call.offset(), length));
    Response response;
    response.set_type(Response::READ_FILE);
    response.mutable_read_file()->set_size(page.size);
    response.mutable_read_file()->set_data(std::move(page.data));
    return response;
}

asio::awaitable<Result<Response>> answer(std::shared_ptr<Backend> backend, Call call) {
    if (auto response = constant(call.type(), backend->identity())) co_return std::move(*response);
    if (auto make = from_state(call.type(), backend)) {
        auto response = co_await backend->from_state<Response>(std::move(make));
        co_return response;
    }
    if (call.type() == Call::GET_CONTAINERS) {
        auto containers = co_await containers_with_usage(backend);
        if (!containers) co_return std::unexpected(containers.error());
        Response response;
        response.set_type(Response::GET_CONTAINERS);
        *response.mutable_get_containers() = std::move(*containers);
        co_return response;
    }
    if (call.type() == Call::LIST_FILES || call.type() == Call::READ_FILE) {
        std::function<Result<Response>()> work = [backend, call] {
            return call.type() == Call::LIST_FILES
                       ? list_files(backend->files(), call.list_files().path())
                       : read_file(backend->files(), call.read_file());
        };
        auto response = co_await backend->blocking<Response>(std::move(work));
        co_return response;
    }
    co_return fail(Errc::unsupported, "The call {} is not supported by this agent yet.",
                   Call::Type_Name(call.type()));
}

asio::awaitable<http::Response> serve(std::shared_ptr<Backend> backend, http::Request request) {
    if (!backend->is_recovered()) {
        co_return http::Response::text(503, "The agent has not finished recovery.");
    }
    auto accepted = check(request);
    if (!accepted) co_return std::move(accepted.error());
    auto call = std::move(accepted->call);
    const auto response = co_await answer(backend, std::move(call));
    if (!response) {
        // Mesos says nothing beside the status here.
        if (response.error().code == Errc::not_found) co_return http::Response::text(404, "");
        co_return http::Response::error(response.error());
    }
    http::Response answered;
    answered.headers.set("Content-Type", std::string(to_string(accepted->answer)));
    answered.body =
        std::make_shared<const std::string>(encode(accepted->answer, *response));
    co_return answered;
}

}  // namespace

void add_api_route(http::Router& router, std::shared_ptr<Backend> backend) {
    router.add("/api/v1", {"POST"}, [backend](http::Request request) {
        return serve(backend, std::move(request));
    });
}

}  // namespace tepui::agent
