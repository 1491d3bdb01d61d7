#include <spdlog/spdlog.h>
#include <boost/asio.hpp>

#include "base/assert.h"
#include "http/connection.h"
#include "http/text.h"

namespace tepui::http {

/// A stream that is being written. Writes in flight keep it, and so the connection and its socket.
struct Connection::StreamRun {
    StreamRun(std::shared_ptr<Connection> connection_in, const std::shared_ptr<Outbox>& outbox,
              Framing framing)
        : connection(std::move(connection_in)),
          pump(connection->socket_, outbox, framing, [this](Pump::End reason) {
              end = reason;
              boost::system::error_code ignored;
              connection->socket_.cancel(ignored);  // Wakes watch_peer().
          }) {}

    const std::shared_ptr<Connection> connection;
    std::optional<Pump::End> end;
    Pump pump;
};

/// Writes the stream as it is pushed; true when its body ended cleanly.
asio::awaitable<bool> Connection::send_stream(const Response& response) {
    const auto stream = std::dynamic_pointer_cast<QueuedStream>(response.stream);
    TEPUI_ASSERT_WHY(stream != nullptr, "streams come from make_body_stream()");
    if (is_http10_) keep_alive_ = false;  // Without chunks only the close tells the end.
    begin_head(response);
    if (!is_http10_) out_.append("Transfer-Encoding: chunked\r\n");
    if (!keep_alive_) out_.append("Connection: close\r\n");
    out_.append("\r\n");
    if (is_head_) {
        const bool is_sent = co_await write(out_);
        stream->end(is_sent ? StreamEnd::finished : StreamEnd::peer_closed);
        co_return is_sent;
    }
    set_deadline(Phase::streaming, Duration::max());
    auto running = std::make_shared<StreamRun>(shared_from_this(), stream->outbox(),
                                               is_http10_ ? Framing::raw : Framing::chunked);
    stream->set_bound();
    stream->outbox()->attach([weak = std::weak_ptr(running)] {
        auto run = weak.lock();
        if (!run) return;
        auto executor = run->connection->socket_.get_executor();
        asio::post(executor, [run = std::move(run)] { run->pump.run(run); });
    });
    stream_ = stream;
    if (core_->is_stopping || is_stopping_) stream->finish();
    running->pump.run(running, out_);
    co_await watch_peer(running);
    running->pump.stop();
    stream_.reset();

    StreamEnd reason = StreamEnd::peer_closed;
    if (running->end == Pump::End::overflow)
        reason = StreamEnd::too_slow;
    else if (core_->is_stopping || is_stopping_)
        reason = StreamEnd::server_stopped;
    else if (running->end == Pump::End::finished)
        reason = StreamEnd::finished;
    if (reason == StreamEnd::too_slow) {
        core_->slow_readers_cut.fetch_add(1, std::memory_order_relaxed);
        spdlog::warn("http: {} reads its stream {} too slowly; the connection is cut", remote_,
                     for_log(target_));
    }
    const bool is_clean = running->end == Pump::End::finished;
    if (!is_clean) {
        boost::system::error_code ignored;
        socket_.close(ignored);  // Also ends a write that hangs.
    }
    stream->end(reason);
    co_return is_clean;
}

/// Reads while the stream is written, only to learn when the peer goes away. Requests that it sends
/// ahead are kept for later, within the limit of a head.
asio::awaitable<void> Connection::watch_peer(std::shared_ptr<StreamRun> running) {
    while (!running->end && end_ - begin_ <= core_->options.head_bytes_max)
        if (co_await fill() != Filled::some) co_return;
}

/// Hands the connection over; what the peer sent behind its request goes with it.
asio::awaitable<bool> Connection::send_upgrade(const Response& response) {
    begin_head(response);
    out_.append("Connection: Upgrade\r\n\r\n");
    if (!co_await write(out_)) co_return false;
    is_upgraded_ = true;
    timer_.cancel();
    const std::uint64_t id = seat_->id();
    std::string read_ahead(buffer_.get() + begin_, end_ - begin_);
    SocketDuplex::Parts parts{std::move(socket_), std::move(read_ahead), remote_, std::move(seat_),
                              core_->context};
    const auto duplex = SocketDuplex::make(std::move(parts));
    {
        const std::lock_guard lock(core_->mutex);
        core_->links[id] = duplex;
    }
    if (core_->is_stopping) duplex->close();
    try {
        response.upgrade(duplex);
    } catch (const std::exception& e) {
        spdlog::error("http: taking over the connection of {} failed: {}", remote_, e.what());
        duplex->close();
    }
    co_return false;
}

}  // namespace tepui::http
