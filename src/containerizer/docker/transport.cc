#include "containerizer/docker/transport.h"

#include <array>
#include <charconv>
#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "containerizer/docker/response_reader.h"

namespace tepui::containerizer::docker {
namespace {

using Socket = asio::local::stream_protocol::socket;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

/// One connection and the clock that may end it.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(asio::io_context& io, StopPtr stop)
        : socket(io), stop_(std::move(stop)), timer_(io) {}

    void watch_stop() {
        if (!stop_) return;
        const std::weak_ptr<Connection> weak = weak_from_this();
        stop_->on_request(weak, [weak] {
            if (const auto self = weak.lock()) self->close();
        });
    }
    void set_total(std::optional<Duration> total) {
        if (total) end_ = Clock::now() + *total;
    }
    /// The connection is closed when nothing else is set within `span`; absent: no bound but the
    /// total one.
    void allow(std::optional<Duration> span) {
        std::optional<Clock::time_point> until = end_;
        if (span) {
            const auto next = Clock::now() + *span;
            if (!until || next < *until) until = next;
        }
        timer_.cancel();
        if (!until) return;
        timer_.expires_at(*until);
        timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self || self->timer_.expiry() > Clock::now()) return;
            self->timed_out_ = true;
            self->close();
        });
    }
    void end() {
        timer_.cancel();
        close();
    }
    /// Why an operation failed.
    Error error(std::string_view doing, const boost::system::error_code& code) const {
        if (stop_ && stop_->requested()) return {Errc::cancelled, "it was cancelled"};
        if (timed_out_) return {Errc::timeout, "it did not answer in time"};
        return {Errc::io, fmt::format("{}: {}", doing, code.message())};
    }

    Socket socket;

private:
    using Clock = std::chrono::steady_clock;

    void close() {
        boost::system::error_code ignored;
        socket.close(ignored);
    }

    const StopPtr stop_;
    asio::steady_timer timer_;
    std::optional<Clock::time_point> end_;
    bool timed_out_ = false;
};

std::string head_of(const Request& request) {
    std::string text = fmt::format(
        "{} {} HTTP/1.1\r\nHost: docker\r\n{}", request.method, request.path,
        request.upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "Connection: close\r\n");
    for (const auto& [name, value] : request.headers)
        text += fmt::format("{}: {}\r\n", name, value);
    if (!request.body.empty()) text += "Content-Type: application/json\r\n";
    if (!request.body.empty() || request.method == "POST")
        text += fmt::format("Content-Length: {}\r\n", request.body.size());
    return text + "\r\n" + request.body;
}

/// Hands what came of the body on.
Result<void> deliver(ResponseReader& reader, const Sink& sink, Answer& answer) {
    std::string part = reader.take_body();
    if (part.empty()) return {};
    const bool ok = reader.status() >= 200 && reader.status() < 300;
    if (sink && ok) return sink(part);
    answer.body += part;
    if (answer.body.size() > Transport::body_bytes_max)
        return fail(Errc::too_large, "the answer is longer than {} bytes",
                    Transport::body_bytes_max);
    return {};
}

asio::awaitable<Result<Answer>> read_answer(std::shared_ptr<Connection> connection,
                                            const Patience& patience, const Sink& sink) {
    Answer answer;
    ResponseReader reader;
    bool told = false;
    std::array<char, 32768> buffer;
    while (!reader.done()) {
        const auto room = asio::buffer(buffer);
        auto [error, count] = co_await connection->socket.async_read_some(room, use_tuple);
        const bool closed = error == asio::error::eof;
        if (error && !closed) co_return std::unexpected(connection->error("reading", error));
        const Result<void> fed =
            closed ? reader.finish() : reader.feed(std::string_view(buffer.data(), count));
        if (const Result<void> took = deliver(reader, sink, answer); !took)
            co_return std::unexpected(took.error());
        if (!fed) co_return std::unexpected(fed.error());
        if (!reader.has_head()) continue;
        connection->allow(patience.silence);
        if (!std::exchange(told, true) && patience.at_head && reader.status() / 100 == 2)
            patience.at_head();
    }
    answer.status = reader.status();
    answer.api_version = reader.header("api-version");
    co_return answer;
}

/// Connects and sends; on failure the connection has ended.
asio::awaitable<Result<void>> send_request(std::shared_ptr<Connection> connection,
                                           std::string socket_path, std::string text) {
    const asio::local::stream_protocol::endpoint endpoint(socket_path);
    auto [refused] = co_await connection->socket.async_connect(endpoint, use_tuple);
    if (refused) {
        const Error error = connection->error("connecting", refused);
        connection->end();
        if (error.code != Errc::io) co_return std::unexpected(error);
        co_return fail(Errc::unavailable, "{}", refused.message());
    }
    const auto bytes = asio::buffer(text);
    auto [unsent, count] = co_await asio::async_write(connection->socket, bytes, use_tuple);
    // One who answers before it has read all may close: its answer is still there to be read.
    const bool broken = unsent && unsent != asio::error::broken_pipe;
    if (!broken) co_return Result<void>{};
    const Error error = connection->error("writing", unsent);
    connection->end();
    co_return std::unexpected(error);
}

/// Reads until the head of the answer is whole. What came of the rest is in `left`.
asio::awaitable<Result<int>> read_head(std::shared_ptr<Connection> connection, std::string& left) {
    std::array<char, 4096> buffer;
    std::size_t end = std::string::npos;
    while ((end = left.find("\r\n\r\n")) == std::string::npos) {
        if (left.size() > ResponseReader::head_bytes_max)
            co_return fail(Errc::too_large, "the head of the answer has no end");
        const auto room = asio::buffer(buffer);
        auto [error, count] = co_await connection->socket.async_read_some(room, use_tuple);
        if (error) co_return std::unexpected(connection->error("reading", error));
        left.append(buffer.data(), count);
    }
    const std::size_t space = left.find(' ');
    int status = 0;
    if (left.starts_with("HTTP/1.") && space != std::string::npos)
        std::from_chars(left.data() + space + 1, left.data() + end, status);
    if (status < 100 || status > 599) co_return fail(Errc::io, "the answer is no HTTP");
    const bool stream = status == 101 || status == 200;
    if (stream) left.erase(0, end + 4);
    co_return status;
}

}  // namespace

void Stop::request() {
    requested_ = true;
    for (auto& [alive, end] : std::exchange(ends_, {}))
        if (const auto held = alive.lock()) end();
}

void Stop::on_request(std::weak_ptr<void> alive, std::function<void()> end) {
    if (requested_) return end();
    std::erase_if(ends_, [](const auto& each) { return each.first.expired(); });
    ends_.emplace_back(std::move(alive), std::move(end));
}

asio::awaitable<Result<Transport::UpgradeAnswer>> Transport::upgrade(Request request,
                                                                     Duration timeout,
                                                                     StopPtr stop) {
    if (stop && stop->requested()) co_return fail(Errc::cancelled, "it was cancelled");
    request.upgrade = true;
    const auto connection = std::make_shared<Connection>(io_, stop);
    connection->watch_stop();
    connection->allow(timeout);
    const Result<void> sent = co_await send_request(connection, socket_path_, head_of(request));
    if (!sent) co_return std::unexpected(sent.error());
    std::string left;
    const Result<int> status = co_await read_head(connection, left);
    UpgradeAnswer given;
    if (!status) {
        connection->end();
        co_return std::unexpected(status.error());
    }
    given.answer.status = *status;
    if (*status == 101 || *status == 200) {
        given.stream =
            std::make_shared<Upgraded>(Upgraded{std::move(connection->socket), std::move(left)});
        connection->end();
        co_return given;
    }
    // A refusal, with its reason in the body.
    ResponseReader reader;
    Result<void> fed = reader.feed(left);
    std::array<char, 4096> buffer;
    while (fed && !reader.done()) {
        const auto room = asio::buffer(buffer);
        auto [error, count] = co_await connection->socket.async_read_some(room, use_tuple);
        if (error) break;
        fed = reader.feed(std::string_view(buffer.data(), count));
        if (fed && given.answer.body.size() < ResponseReader::head_bytes_max)
            given.answer.body += reader.take_body();
    }
    given.answer.body += reader.take_body();
    connection->end();
    co_return given;
}

asio::awaitable<Result<Answer>> Transport::exchange(Request request, Patience patience, Sink sink,
                                                    StopPtr stop) {
    if (stop && stop->requested()) co_return fail(Errc::cancelled, "it was cancelled");
    const auto connection = std::make_shared<Connection>(io_, stop);
    connection->watch_stop();
    connection->set_total(patience.total);
    connection->allow(patience.head);
    const Result<void> sent = co_await send_request(connection, socket_path_, head_of(request));
    if (!sent) co_return std::unexpected(sent.error());
    Result<Answer> answer = co_await read_answer(connection, patience, sink);
    connection->end();
    co_return answer;
}

asio::awaitable<void> pause(asio::io_context& io, Duration span, StopPtr stop) {
    const auto timer = std::make_shared<asio::steady_timer>(io);
    timer->expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(span));
    const std::weak_ptr<asio::steady_timer> weak = timer;
    if (stop) {
        if (stop->requested()) co_return;
        stop->on_request(weak, [weak] {
            if (const auto self = weak.lock()) self->cancel();
        });
    }
    co_await timer->async_wait(use_tuple);
}

std::string url_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

}  // namespace tepui::containerizer::docker
