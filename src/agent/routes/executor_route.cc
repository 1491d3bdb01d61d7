#include <atomic>

#include <boost/asio/this_coro.hpp>

#include "agent/core/executor_calls.h"
#include "agent/routes/routes.h"
#include "daemon/api_request.h"

namespace tepui::agent {
namespace {

using mesos::v1::executor::Call;

/// HEARTBEAT has no sub-message.
const std::set<std::string_view> optional_bodies{"HEARTBEAT"};

http::Response response_of(const Error& error) {
    switch (error.code) {
        case Errc::invalid_argument: return http::Response::text(400, error.text);
        case Errc::denied: return http::Response::text(403, error.text);
        default: return http::Response::error(error);
    }
}

http::Response subscribe(std::shared_ptr<Backend> backend, Call call, wire::Media media,
                         asio::any_io_executor io) {
    const auto streams = backend->executor_streams();
    const std::uint64_t connection = streams->next_connection();
    auto body = streams->open(connection, media, std::move(io));
    if (!backend->post(ExecutorSubscribed{connection, std::move(call)})) {
        streams->remove(connection);
        return http::Response::text(503, "The agent is stopping.");
    }
    // After the subscription was posted: the core hears of the end after the beginning.
    body->on_end([backend, streams, connection](http::StreamEnd) {
        streams->remove(connection);
        backend->post(ExecutorDisconnected{connection});
    });
    http::Response response;
    response.headers.set("Content-Type", std::string(to_string(media)));
    response.stream = std::move(body);
    return response;
}

using Count = std::shared_ptr<std::atomic<std::uint64_t>>;

/// `refused` counts messages that are too long.
asio::awaitable<http::Response> serve(std::shared_ptr<Backend> backend, Count refused,
                                      http::Request request) {
    if (!backend->is_recovered()) {
        co_return http::Response::text(503, "The agent has not finished recovery.");
    }
    const auto media = daemon::check_content_type(request);
    if (!media) co_return media.error();
    Call call;
    if (const auto checked = daemon::decode_call(request, *media, call, optional_bodies); !checked)
        co_return checked.error();
    std::function<Result<void>(const State&)> check = [call](const State& state) {
        return check_executor_call(state, call);
    };
    const auto judged = co_await backend->from_state<Result<void>>(std::move(check));
    if (!judged) co_return http::Response::error(judged.error());
    if (!*judged) {
        if (judged->error().code == Errc::too_large) ++*refused;
        co_return response_of(judged->error());
    }
    if (call.type() == Call::SUBSCRIBE) {
        const auto accept = daemon::check_accept(request);
        if (!accept) co_return accept.error();
        auto io = co_await asio::this_coro::executor;
        co_return subscribe(std::move(backend), std::move(call), *accept, io);
    }
    if (!backend->post(ExecutorCalled{std::move(call)})) {
        co_return http::Response::text(503, "The agent is stopping.");
    }
    co_return http::Response::empty(202);
}

}  // namespace

void add_executor_route(http::Router& router, std::shared_ptr<Backend> backend) {
    const Count refused = std::make_shared<std::atomic<std::uint64_t>>(0);
    backend->also_measure([refused](std::map<std::string, double>& metrics) {
        metrics["slave/limits/messages_refused"] = static_cast<double>(*refused);
    });
    router.add("/api/v1/executor", {"POST"}, [backend, refused](http::Request request) {
        return serve(backend, refused, std::move(request));
    });
}

}  // namespace tepui::agent
