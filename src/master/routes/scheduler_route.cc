#include "master/routes/scheduler_route.h"

#include <boost/asio/this_coro.hpp>

#include "daemon/api_request.h"
#include "http/later.h"

namespace tepui::master {
namespace {

using mesos::v1::scheduler::Call;

constexpr std::string_view stream_header = "Mesos-Stream-Id";
constexpr std::size_t stream_id_bytes_max = 128;

/// Calls whose sub-message may be left out: all roles are meant then, or there is none.
const std::set<std::string_view> optional_bodies{"TEARDOWN", "REVIVE", "SUPPRESS"};

daemon::Checked<void> check_ids(const Call& call) {
    if (call.type() != Call::SUBSCRIBE) {
        if (!call.has_framework_id())
            return daemon::refuse(
                400, fmt::format("The call is not valid: {} needs the field 'framework_id'.",
                                 Call::Type_Name(call.type())));
        return {};
    }
    const auto& info = call.subscribe().framework_info();
    if (info.id().value() != call.framework_id().value())
        return daemon::refuse(
            400,
            "The call is not valid: 'framework_id' differs from 'subscribe.framework_info.id'.");
    return {};
}

http::Response response_of(const Error& error) {
    switch (error.code) {
        case Errc::invalid_argument:
        case Errc::not_found:
        case Errc::conflict: return http::Response::text(400, error.text);
        default: return http::Response::error(error);
    }
}

}  // namespace

SchedulerRoute::SchedulerRoute(CoreLoop& loop, std::shared_ptr<SchedulerStreams> streams,
                               std::uint64_t seed)
    : loop_(loop), streams_(std::move(streams)), prng_(seed) {}

asio::awaitable<http::Response> SchedulerRoute::handle(http::Request request) {
    if (!loop_.recovered())
        co_return http::Response::text(
            503, "This master is still reading its registry: try again soon.");
    const auto media = daemon::check_content_type(request);
    if (!media) co_return media.error();
    Call call;
    if (const auto checked = daemon::decode_call(request, *media, call, optional_bodies); !checked)
        co_return checked.error();
    if (const auto checked = check_ids(call); !checked) co_return checked.error();

    if (call.type() == Call::SUBSCRIBE) {
        auto io = co_await asio::this_coro::executor;
        co_return subscribe(request, std::move(call), io);
    }
    if (call.type() == Call::RECONCILE_OPERATIONS) {
        if (const auto accept = daemon::check_accept(request); !accept) co_return accept.error();
    }
    std::optional<StreamId> stream;
    if (const auto header = request.headers.find(stream_header)) {
        if (header->size() > stream_id_bytes_max)
            co_return http::Response::text(400, "Mesos-Stream-Id is longer than 128 bytes.");
        stream = StreamId(*header);
    }
    // The only call whose effect is promised by its answer.
    const unsigned accepted = call.type() == Call::UPDATE_FRAMEWORK ? 200 : 202;
    http::Response response;
    response.later = std::make_shared<http::LaterResponse>();
    auto answer = [later = response.later, accepted](const Result<void>& judgement) {
        later->set(judgement ? http::Response::empty(accepted) : response_of(judgement.error()));
    };
    loop_.post_call(std::move(call), std::move(stream), std::move(answer));
    co_return response;
}

http::Response SchedulerRoute::subscribe(const http::Request& request, Call call,
                                         asio::any_io_executor io) {
    const auto media = daemon::check_accept(request);
    if (!media) return media.error();
    if (request.headers.contains(stream_header))
        return http::Response::text(
            400, "A SUBSCRIBE must not carry Mesos-Stream-Id: the answer gives one.");

    const StreamId id = new_stream_id();
    auto body = streams_->open(id, *media, std::move(io));
    loop_.post(SchedulerSubscribed{id, std::move(*call.mutable_subscribe()), std::nullopt});
    // After the subscription was posted: the core hears of the end after the beginning.
    body->on_end([streams = streams_, loop = &loop_, id](http::StreamEnd) {
        streams->remove(id);
        loop->post(SchedulerDisconnected{id});
    });

    http::Response response;
    response.headers.set("Content-Type", std::string(to_string(*media)));
    response.headers.set(std::string(stream_header), id.value);
    response.stream = std::move(body);
    return response;
}

StreamId SchedulerRoute::new_stream_id() {
    const std::scoped_lock lock(mutex_);
    return StreamId(prng_.uuid_text());
}

}  // namespace tepui::master
