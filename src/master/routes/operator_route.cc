#include "master/routes/operator_route.h"

#include "master/await_callback.h"
#include "master/routes/api_request.h"
#include "master/snapshot/v1_views.h"
#include "tepui/operator.pb.h"

namespace tepui::master {
namespace {

using http::Response;
using mesos::v1::master::Call;
using Answer = mesos::v1::master::Response;

Response body_response(wire::Media media, Body body) {
    Response response;
    response.headers.set("Content-Type", std::string(media_type(media)));
    response.body = std::move(body);
    return response;
}

Response answer_response(wire::Media media, const Answer& answer) {
    return body_response(media, std::make_shared<const std::string>(wire::encode(media, answer)));
}

Answer health() {
    Answer answer;
    answer.set_type(Answer::GET_HEALTH);
    answer.mutable_get_health()->set_healthy(true);
    return answer;
}

std::string render_get_roles(const Snapshot& snapshot, wire::Media media) {
    return wire::encode(media, get_roles(snapshot));
}

}  // namespace

asio::awaitable<Response> OperatorRoute::handle(http::Request request) {
    const auto media = check_content_type(request);
    if (!media) co_return media.error();
    Call call;
    if (const auto checked = decode_call(request, *media, call); !checked)
        co_return checked.error();
    const auto accept = check_accept(request);
    if (!accept) co_return accept.error();
    co_return co_await dispatch(std::move(call), *accept);
}

asio::awaitable<Response> OperatorRoute::dispatch(Call call, wire::Media media) {
    switch (call.type()) {
        case Call::GET_HEALTH: co_return answer_response(media, health());
        case Call::GET_VERSION: co_return answer_response(media, get_version(*facts_));
        case Call::GET_FLAGS: co_return answer_response(media, get_flags(*facts_));
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
        case Call::LIST_FILES: co_return list_files(call.list_files().path(), media);
        case Call::READ_FILE: co_return co_await read_file(call.read_file(), media);
        case Call::TEARDOWN:
            co_return co_await teardown(FrameworkId(call.teardown().framework_id().value()));
        default: break;
    }
    co_return Response::text(
        501, fmt::format("{} is not supported by this master.", Call::Type_Name(call.type())));
}

asio::awaitable<Response> OperatorRoute::view(const char* name, wire::Media media,
                                              std::string (*render)(const Snapshot&, wire::Media)) {
    auto bound = [render, media](const Snapshot& snapshot) { return render(snapshot, media); };
    std::string key = fmt::format("{} {}", name, media_type(media));
    auto body = co_await reader_.shared_body(std::move(key), std::move(bound));
    if (!body) co_return Response::error(body.error());
    co_return body_response(media, std::move(*body));
}

asio::awaitable<Response> OperatorRoute::get_metrics(wire::Media media) {
    const auto metrics = co_await reader_.metrics();
    Answer answer;
    answer.set_type(Answer::GET_METRICS);
    auto* list = answer.mutable_get_metrics();
    for (const auto& [name, value] : metrics) {
        auto* metric = list->add_metrics();
        metric->set_name(name);
        metric->set_value(value);
    }
    co_return answer_response(media, answer);
}

Response OperatorRoute::list_files(const std::string& path, wire::Media media) const {
    if (!files_.contains(path)) return Response::empty(404);
    Answer answer;
    answer.set_type(Answer::LIST_FILES);
    answer.mutable_list_files();  // What is shown are files: there is nothing below them.
    return answer_response(media, answer);
}

asio::awaitable<Response> OperatorRoute::read_file(Call::ReadFile call, wire::Media media) {
    std::optional<std::uint64_t> length;
    if (call.has_length()) length = call.length();
    auto work = [this, call, length, media]() -> Result<std::string> {
        auto page = TEPUI_TRY(files_.read(call.path(), call.offset(), length));
        Answer answer;
        answer.set_type(Answer::READ_FILE);
        answer.mutable_read_file()->set_size(page.size);
        answer.mutable_read_file()->set_data(std::move(page.data));
        return wire::encode(media, answer);
    };
    auto body = co_await reader_.work(std::move(work));
    if (!body) {
        if (body.error().code == Errc::not_found) co_return Response::empty(404);
        co_return Response::error(body.error());
    }
    co_return body_response(media, std::move(*body));
}

asio::awaitable<Response> OperatorRoute::teardown(FrameworkId framework) {
    auto start = [this, &framework](std::function<void(Result<void>)> done) {
        loop_.post_teardown(std::move(framework), std::move(done));
    };
    const Result<void> result = co_await await_callback<Result<void>>(std::move(start));
    if (result) co_return Response::empty(200);
    if (result.error().code == Errc::not_found) co_return Response::text(400, result.error().text);
    co_return Response::error(result.error());
}

asio::awaitable<Response> OperatorRoute::kill_task(http::Request request) {
    const auto media = check_content_type(request);
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
    const Result<void> result = co_await await_callback<Result<void>>(std::move(start));
    co_return result ? Response::empty(202) : Response::error(result.error());
}

}  // namespace tepui::master
