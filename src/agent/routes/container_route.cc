// The calls of the operator API about containers: what they ask goes to the core, what they say and
// hear to ContainerIo.

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "agent/core/nested.h"
#include "agent/routes/routes.h"
#include "daemon/api_request.h"
#include "daemon/on_worker.h"
#include "wire/recordio.h"

// Clients still send the older forms of the calls.
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using v1::agent::Call;
using v1::agent::Response;

constexpr std::string_view media_recordio = "application/recordio";

/// From the end of a session's output to its exit.
constexpr std::chrono::seconds silent_exit_patience{5};

bool is_stream(Call::Type type) {
    return type == Call::LAUNCH_NESTED_CONTAINER_SESSION || type == Call::ATTACH_CONTAINER_OUTPUT;
}

/// How an answer that is a stream is to be encoded.
struct StreamMedia {
    wire::Media media = wire::Media::json;
    bool recordio = false;  // Named as such; else the records are all the same.
};

daemon::Checked<StreamMedia> check_stream_accept(const http::Request& request) {
    const auto accept = request.headers.find("Accept");
    const bool recordio = accept && accept->find(media_recordio) != std::string_view::npos;
    const auto message_accept = request.headers.find("Message-Accept");
    if (!recordio && message_accept)
        return daemon::refuse(406, "Message-Accept goes with 'Accept: application/recordio'.");
    const auto media = wire::negotiate(recordio ? message_accept : accept);
    if (!media)
        return daemon::refuse(406,
                              "The answer is a stream of records in JSON or protobuf: accept "
                              "application/recordio, and one of them by Message-Accept.");
    return StreamMedia{*media, recordio};
}

http::Response stream_response(std::shared_ptr<http::BodyStream> body, const StreamMedia& media) {
    http::Response response;
    const std::string encoding(to_string(media.media));
    response.headers.set("Content-Type", media.recordio ? std::string(media_recordio) : encoding);
    if (media.recordio) response.headers.set("Message-Content-Type", encoding);
    response.stream = std::move(body);
    return response;
}

http::Response response_of(const Error& error) {
    switch (error.code) {
        case Errc::invalid_argument:
        case Errc::unsupported: return http::Response::text(400, error.text);
        case Errc::not_found: return http::Response::text(404, error.text);
        case Errc::conflict: return http::Response::text(409, error.text);
        case Errc::unavailable: return http::Response::text(503, error.text);
        default: return http::Response::text(500, error.text);
    }
}

template <typename Wait>
void fill(Wait& wait, const ContainerEnd& end) {
    if (end.status) wait.set_exit_status(*end.status);
    if (!end.limitation) return;
    wait.set_state(v1::TASK_FAILED);
    wait.set_reason(end.limitation->reason);
    wait.set_message(end.limitation->message);
    if (end.limitation->resources.resources_size() > 0)
        *wait.mutable_limitation() = end.limitation->resources;
}

Response wait_response(Call::Type type, const ContainerEnd& end) {
    Response response;
    if (type == Call::WAIT_NESTED_CONTAINER) {
        response.set_type(Response::WAIT_NESTED_CONTAINER);
        fill(*response.mutable_wait_nested_container(), end);
        return response;
    }
    response.set_type(Response::WAIT_CONTAINER);
    fill(*response.mutable_wait_container(), end);
    return response;
}

/// Asks the core and waits for its answer.
asio::awaitable<AnswerAsker> ask(std::shared_ptr<Backend> backend, std::uint64_t request,
                                 Call call) {
    auto start = [backend, request, call = std::move(call)](std::function<void(AnswerAsker)> done) {
        backend->askers().add(request, std::move(done));
        auto shared = std::make_shared<const Call>(call);
        if (backend->post(ContainerAsked{request, std::move(shared)})) return;
        backend->askers().answer(
            {.request = request, .error = Error{Errc::unavailable, "The agent is stopping."}});
    };
    auto answer = co_await daemon::await_callback<AnswerAsker>(std::move(start));
    co_return answer;
}

asio::awaitable<http::Response> open_session(std::shared_ptr<Backend> backend, Call call,
                                             StreamMedia media) {
    const std::uint64_t request = backend->askers().next();
    const ContainerId session{chain_text(call.launch_nested_container_session().container_id())};
    auto answer = co_await ask(backend, request, std::move(call));
    if (answer.error) {
        // One that is not there to be launched in is the caller's mistake.
        if (answer.error->code == Errc::not_found) answer.error->code = Errc::invalid_argument;
        co_return response_of(*answer.error);
    }
    if (answer.already) co_return http::Response::empty(202);
    auto body = backend->container_io().listen(session, media.media);
    if (!body) {
        backend->post(AskerLeft{request});
        co_return http::Response::text(500, "The session has ended.");
    }
    const auto io = co_await asio::this_coro::executor;
    body->on_end([backend, request, io](http::StreamEnd end) {
        if (end != http::StreamEnd::finished) {
            backend->post(AskerLeft{request});
            return;
        }
        // One whose output came to its end is about to exit, with a status of its own. One that
        // does not has nobody to talk to.
        const auto timer = std::make_shared<asio::steady_timer>(io, silent_exit_patience);
        timer->async_wait([timer, backend, request](const boost::system::error_code& error) {
            if (!error) backend->post(AskerLeft{request});
        });
    });
    co_return stream_response(std::move(body), media);
}

/// Of a container to attach to.
struct Target {
    ContainerId container;
    bool session = false;
};

asio::awaitable<Result<Target>> find_target(std::shared_ptr<Backend> backend, v1::ContainerID id) {
    std::function<Result<Target>(const State&)> find = [id](const State& state) -> Result<Target> {
        const auto place = find_place(state, id);
        if (!place || !place->running)
            return fail(Errc::not_found, "there is no container '{}' that runs", chain_text(id));
        if (!place->session && !place->terminal)
            return fail(Errc::internal,
                        "container '{}' has no terminal: launch it with container.tty_info, or "
                        "open a session within it",
                        chain_text(id));
        return Target{place->container, place->session};
    };
    auto found = co_await backend->from_state<Result<Target>>(std::move(find));
    if (!found) co_return std::unexpected(found.error());
    co_return *found;
}

asio::awaitable<Result<containerizer::Descriptor>> attach(std::shared_ptr<Backend> backend,
                                                          ContainerId container) {
    using Shared = std::shared_ptr<containerizer::Descriptor>;
    std::function<Result<Shared>()> work = [backend, container]() -> Result<Shared> {
        auto attached = backend->containerizer().attach(container);
        if (!attached) return std::unexpected(attached.error());
        return std::make_shared<containerizer::Descriptor>(std::move(*attached));
    };
    auto attached = co_await daemon::on_worker(backend->workers(), std::move(work));
    if (!attached) co_return std::unexpected(attached.error());
    co_return std::move(**attached);
}

asio::awaitable<http::Response> attach_output(std::shared_ptr<Backend> backend, Call call,
                                              StreamMedia media) {
    auto target = co_await find_target(backend, call.attach_container_output().container_id());
    if (!target) co_return response_of(target.error());
    std::shared_ptr<http::BodyStream> body;
    if (target->session) {
        body = backend->container_io().listen(target->container, media.media);
    } else {
        auto socket = co_await attach(backend, target->container);
        if (!socket) co_return response_of(socket.error());
        body = backend->container_io().listen(std::move(*socket), media.media);
    }
    if (!body) co_return http::Response::text(404, "The container has ended.");
    co_return stream_response(std::move(body), media);
}

/// The records of an upload.
class Records {
public:
    Records(std::shared_ptr<http::BodyReader> body, wire::Media media)
        : body_(std::move(body)), media_(media) {}

    /// The next call; nothing at the end of the body.
    asio::awaitable<Result<std::optional<Call>>> next() {
        for (;;) {
            if (auto record = decoder_.next()) {
                Call call;
                const auto decoded = wire::decode(media_, *record, call);
                if (!decoded) co_return std::unexpected(decoded.error());
                if (call.type() != Call::ATTACH_CONTAINER_INPUT)
                    co_return fail(Errc::invalid_argument,
                                   "each record must be a call ATTACH_CONTAINER_INPUT");
                co_return std::move(call);
            }
            auto bytes = co_await body_->read();
            if (!bytes) co_return std::unexpected(bytes.error());
            if (bytes->empty()) co_return std::optional<Call>{};
            const auto fed = decoder_.feed(*bytes);
            if (!fed) co_return std::unexpected(fed.error());
        }
    }

private:
    const std::shared_ptr<http::BodyReader> body_;
    const wire::Media media_;
    wire::RecordDecoder decoder_{std::size_t{1} << 20};
};

asio::awaitable<http::Response> pass_input(std::shared_ptr<Records> records,
                                           std::shared_ptr<ContainerIo::Input> input) {
    using Record = Call::AttachContainerInput;
    for (;;) {
        auto call = co_await records->next();
        if (!call) co_return http::Response::text(400, call.error().text);
        if (!*call) co_return http::Response::empty(200);
        Record* record = (*call)->mutable_attach_container_input();
        if (record->type() != Record::PROCESS_IO)
            co_return http::Response::text(
                400, "What follows the container's id has the type PROCESS_IO.");
        auto taken = co_await input->put(std::move(*record->mutable_process_io()));
        // It has ended, or reads no more: what else comes has no reader.
        if (!taken) co_return http::Response::empty(200);
    }
}

}  // namespace

bool is_container_call(Call::Type type) {
    switch (type) {
        case Call::LAUNCH_CONTAINER:
        case Call::WAIT_CONTAINER:
        case Call::KILL_CONTAINER:
        case Call::REMOVE_CONTAINER:
        case Call::LAUNCH_NESTED_CONTAINER_SESSION:
        case Call::ATTACH_CONTAINER_INPUT:
        case Call::ATTACH_CONTAINER_OUTPUT: return true;
        case Call::LAUNCH_NESTED_CONTAINER:
        case Call::WAIT_NESTED_CONTAINER:
        case Call::KILL_NESTED_CONTAINER:
        case Call::REMOVE_NESTED_CONTAINER: return true;
        default: return false;
    }
}

asio::awaitable<http::Response> serve_container_call(std::shared_ptr<Backend> backend,
                                                     http::Request request, Call call) {
    if (request.headers.contains("Message-Content-Type"))
        co_return http::Response::text(415,
                                       "Message-Content-Type goes with a body of RecordIO alone.");
    if (call.type() == Call::ATTACH_CONTAINER_INPUT)
        co_return http::Response::text(415,
                                       "ATTACH_CONTAINER_INPUT takes a body of the type "
                                       "application/recordio.");
    if (is_stream(call.type())) {
        const auto media = check_stream_accept(request);
        if (!media) co_return media.error();
        const bool session = call.type() == Call::LAUNCH_NESTED_CONTAINER_SESSION;
        auto served = session ? open_session(backend, std::move(call), *media)
                              : attach_output(backend, std::move(call), *media);
        auto response = co_await std::move(served);
        co_return response;
    }
    if (request.headers.contains("Message-Accept"))
        co_return http::Response::text(406, "Message-Accept goes with a stream's answer alone.");
    const auto accept = daemon::check_accept(request);
    if (!accept) co_return accept.error();
    const auto type = call.type();
    const std::uint64_t number = backend->askers().next();
    auto answer = co_await ask(backend, number, std::move(call));
    if (answer.error) {
        const bool launches = Call::Type_Name(type).starts_with("LAUNCH");
        if (launches && answer.error->code == Errc::not_found)
            answer.error->code = Errc::invalid_argument;
        co_return response_of(*answer.error);
    }
    if (answer.already) co_return http::Response::empty(202);
    if (!answer.end) co_return http::Response::empty(200);
    const Response response = wait_response(type, *answer.end);
    auto body = std::make_shared<const std::string>(wire::encode(*accept, response));
    co_return daemon::api_response(*accept, std::move(body));
}

asio::awaitable<http::Response> serve_container_input(std::shared_ptr<Backend> backend,
                                                      http::Request request) {
    const auto encoding = request.headers.find("Message-Content-Type");
    const auto media = encoding ? wire::parse_content_type(*encoding) : std::nullopt;
    if (!media)
        co_return http::Response::text(
            415,
            "A body of RecordIO needs Message-Content-Type: application/json or "
            "application/x-protobuf.");
    auto records = std::make_shared<Records>(request.upload, *media);
    auto first = co_await records->next();
    if (!first) co_return http::Response::text(400, first.error().text);
    using Record = Call::AttachContainerInput;
    if (!*first || (*first)->attach_container_input().type() != Record::CONTAINER_ID)
        co_return http::Response::text(400, "The first record names the container: CONTAINER_ID.");
    auto target = co_await find_target(backend, (*first)->attach_container_input().container_id());
    if (!target) co_return response_of(target.error());
    Result<std::shared_ptr<ContainerIo::Input>> input;
    if (target->session) {
        input = backend->container_io().write_to(target->container);
    } else {
        auto socket = co_await attach(backend, target->container);
        if (!socket) co_return response_of(socket.error());
        input = backend->container_io().write_to(target->container, std::move(*socket));
    }
    if (!input) co_return response_of(input.error());
    auto response = co_await pass_input(records, *input);
    co_return response;
}

}  // namespace tepui::agent
