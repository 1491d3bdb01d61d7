#include "http/connection.h"

#include <algorithm>

#include <spdlog/spdlog.h>
#include <boost/asio.hpp>

#include "base/assert.h"
#include "http/text.h"

namespace tepui::http {
namespace {

constexpr std::size_t buffer_bytes_min = std::size_t{4} << 10;
constexpr std::size_t buffer_bytes_max = std::size_t{256} << 10;
constexpr std::size_t requests_bytes_max = std::size_t{64} << 10;  // Of requests sent ahead.

}  // namespace

class Connection::Upload final : public BodyReader {
public:
    explicit Upload(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
    asio::awaitable<Result<std::string>> read() override { return connection_->read_upload(); }

private:
    const std::shared_ptr<Connection> connection_;
};

std::shared_ptr<Seat> Seat::take(const std::shared_ptr<ServerCore>& core, std::string ip) {
    const std::lock_guard lock(core->mutex);
    if (core->seats_taken >= core->options.connections_max) return nullptr;
    std::size_t& of_ip = core->seats_by_ip[ip];
    if (of_ip >= core->options.connections_per_ip_max) return nullptr;
    ++of_ip;
    ++core->seats_taken;
    return std::shared_ptr<Seat>(new Seat(core, std::move(ip), core->next_id++));
}

Seat::~Seat() {
    const std::lock_guard lock(core_->mutex);
    core_->connections.erase(id_);
    core_->links.erase(id_);
    const auto of_ip = core_->seats_by_ip.find(ip_);
    if (--of_ip->second == 0) core_->seats_by_ip.erase(of_ip);
    --core_->seats_taken;
    core_->seat_freed.notify_all();
}

Connection::Connection(std::shared_ptr<ServerCore> core, tcp::socket socket, std::string remote,
                       std::shared_ptr<Seat> seat)
    : core_(std::move(core)),
      context_(core_->context),
      socket_(std::move(socket)),
      remote_(std::move(remote)),
      seat_(std::move(seat)),
      timer_(socket_.get_executor()),
      tick_(std::min({core_->options.head_deadline, core_->options.body_deadline,
                      core_->options.idle_deadline, Duration{1s}})),
      parser_({core_->options.head_bytes_max, core_->options.body_bytes_max}) {}

Connection::~Connection() {
    if (stream_) stream_->end(StreamEnd::server_stopped);
}

void Connection::start() {
    asio::co_spawn(
        socket_.get_executor(), run(), [self = shared_from_this()](std::exception_ptr e) {
            // Out of memory, or a defect of ours: it costs this connection only.
            if (e) spdlog::error("http: the connection of {} failed and is closed", self->remote_);
        });
}

void Connection::begin_stop() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->is_stopping_ = true;
        self->keep_alive_ = false;
        if (self->phase_ == Phase::idle || self->phase_ == Phase::lingering) self->give_up();
        if (self->stream_) self->stream_->finish();
    });
}

void Connection::close_now() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->give_up(); });
}

void Connection::give_up() {
    is_given_up_ = true;
    boost::system::error_code ignored;
    if (!is_upgraded_) socket_.cancel(ignored);
}

// One timer serves all deadlines. It ticks at least as often as the shortest of them is long, so a
// request only writes deadline_ and never touches the timer queue.
void Connection::set_deadline(Phase phase, Duration duration) {
    phase_ = phase;
    deadline_ = duration == Duration::max() ? Clock::time_point::max() : Clock::now() + duration;
}

void Connection::arm_timer() {
    timer_.expires_at(std::min(deadline_, Clock::now() + tick_));
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        if (error) return;
        if (const auto self = weak.lock()) self->on_timer();
    });
}

void Connection::on_timer() {
    if (is_upgraded_ || is_given_up_) return;
    if (Clock::now() >= deadline_) {
        is_expired_ = true;
        deadline_ = Clock::time_point::max();
        boost::system::error_code ignored;
        socket_.cancel(ignored);
    }
    arm_timer();
}

asio::awaitable<void> Connection::run() {
    const auto self = shared_from_this();
    boost::system::error_code ignored;
    set_deadline(Phase::idle, core_->options.idle_deadline);
    arm_timer();
    while (co_await serve_one()) {
    }
    is_given_up_ = true;
    timer_.cancel();
    if (!is_upgraded_) socket_.close(ignored);
    seat_.reset();
}

/// True when the connection waits for another request.
asio::awaitable<bool> Connection::serve_one() {
    if (!co_await read_request()) co_return false;
    core_->requests_total.fetch_add(1, std::memory_order_relaxed);
    Request request = parser_.take();
    request.remote = remote_;
    if (is_upload_) {
        upload_begin_ = std::exchange(request.body, {});
        request.upload = std::make_shared<Upload>(shared_from_this());
    }
    Response response = co_await handle(std::move(request));
    is_upload_ = false;
    // A body that nobody read to its end would be taken for the next request.
    if (!parser_.done() || core_->is_stopping || is_stopping_) keep_alive_ = false;
    const bool is_later = response.later != nullptr;
    if (is_later) {
        in_flight_.push_back({std::move(response.later), form()});
        if (may_go_ahead()) co_return !is_given_up_;
    }
    if (!co_await settle()) {
        const auto stream = std::dynamic_pointer_cast<QueuedStream>(response.stream);
        if (stream) stream->end(is_given_up_ ? StreamEnd::server_stopped : StreamEnd::peer_closed);
        co_return false;
    }
    const bool goes_on = is_later || co_await answer(response);
    if (!goes_on || is_given_up_ || is_upgraded_) co_return false;
    if (keep_alive_) co_return true;
    co_await linger();
    co_return false;
}

asio::awaitable<bool> Connection::answer(const Response& response) {
    if (response.upgrade && response.status == 101) co_return co_await send_upgrade(response);
    if (response.stream) co_return co_await send_stream(response);
    co_return co_await send(response);
}

/// Reads the head, and the body unless the handler takes it while it comes.
asio::awaitable<bool> Connection::read_request() {
    parser_.reset();
    keep_alive_ = false;
    if (!co_await read_head()) co_return false;
    const Request& request = parser_.head();
    keep_alive_ = request.keep_alive;
    is_head_ = request.method == "HEAD";
    is_http10_ = parser_.is_http10();
    target_.assign(request.target);
    const auto encodings = request.headers.find("Accept-Encoding");
    accepts_gzip_ = encodings && accepts_gzip(*encodings);
    is_upload_ = false;
    if (parser_.wants_upload()) {
        const Router::Route* route = core_->router.find(request.path);
        is_upload_ = route != nullptr && route->takes_uploads;
    }
    if (!is_upload_) co_return co_await read_body();
    parser_.lift_body_limit();
    co_return co_await invite_body();
}

/// Says that the body may come, to a client that waits for the word.
asio::awaitable<bool> Connection::invite_body() {
    if (parser_.done() || !parser_.expects_continue()) co_return true;
    if (!co_await settle_before_reading()) co_return false;
    co_return co_await write("HTTP/1.1 100 Continue\r\n\r\n");
}

asio::awaitable<Result<std::string>> Connection::read_upload() {
    const auto self = shared_from_this();
    if (!upload_begin_.empty()) co_return std::exchange(upload_begin_, {});
    for (;;) {
        if (!is_upload_) co_return fail(Errc::cancelled, "the request of {} is over", remote_);
        if (parser_.failure())
            co_return fail(Errc::invalid_argument, "{}", parser_.failure()->text);
        std::string bytes = parser_.take_body();
        if (!bytes.empty() || parser_.done()) co_return bytes;
        if (co_await fill() != Filled::some)
            co_return fail(Errc::io, "{} closed the connection in the middle of its input",
                           remote_);
        feed();
    }
}

void Connection::feed() {
    begin_ += parser_.feed({buffer_.get() + begin_, end_ - begin_});
    if (begin_ == end_) begin_ = end_ = 0;
}

asio::awaitable<bool> Connection::read_head() {
    if (begin_ == end_) {
        set_deadline(Phase::idle, core_->options.idle_deadline);
        if (buffer_bytes_ > buffer_bytes_min) buffer_.reset();
        if (core_->is_stopping || co_await fill() != Filled::some) co_return false;
    }
    set_deadline(Phase::receiving, core_->options.head_deadline);
    for (;;) {
        feed();
        if (parser_.failure()) co_return co_await refuse(*parser_.failure());
        if (parser_.head_done()) co_return true;
        const Filled filled = co_await fill();
        if (filled == Filled::expired)
            co_return co_await refuse(408, "The head of the request did not come in time.");
        if (filled == Filled::closed) co_return false;
    }
}

asio::awaitable<bool> Connection::read_body() {
    if (!parser_.done()) {
        if (!co_await invite_body()) co_return false;
        set_deadline(Phase::receiving, core_->options.body_deadline);
    }
    while (!parser_.done()) {
        const Filled filled = co_await fill();
        if (filled == Filled::expired)
            co_return co_await refuse(408, "The body of the request did not come in time.");
        if (filled == Filled::closed) co_return false;
        feed();
        if (parser_.failure()) co_return co_await refuse(*parser_.failure());
    }
    parser_.decode_body();
    if (parser_.failure()) co_return co_await refuse(*parser_.failure());
    co_return true;
}

/// Reads some bytes behind those that the parser did not take yet. The buffer grows with what
/// comes: the parser refuses a message whose unparsed part is too long, so there is always room.
asio::awaitable<Connection::Filled> Connection::fill() {
    if (!in_flight_.empty() && !co_await settle_before_reading()) co_return Filled::closed;
    if (is_given_up_) co_return Filled::closed;
    if (!buffer_) {
        buffer_bytes_ = buffer_bytes_min;
        buffer_ = std::make_unique_for_overwrite<char[]>(buffer_bytes_);
        begin_ = end_ = 0;
    }
    if (begin_ > 0) {
        std::copy(buffer_.get() + begin_, buffer_.get() + end_, buffer_.get());
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == buffer_bytes_) {
        auto larger = std::make_unique_for_overwrite<char[]>(buffer_bytes_ * 2);
        std::copy_n(buffer_.get(), end_, larger.get());
        buffer_ = std::move(larger);
        buffer_bytes_ *= 2;
    }
    const asio::mutable_buffer room(buffer_.get() + end_, buffer_bytes_ - end_);
    const auto [error, got] =
        co_await socket_.async_read_some(room, asio::as_tuple(asio::use_awaitable));
    if (std::exchange(is_expired_, false)) co_return Filled::expired;
    if (error || is_given_up_) co_return Filled::closed;
    end_ += got;
    // A full buffer shows a large body, or many requests: read in larger parts.
    const std::size_t bytes_max = parser_.head_done() ? buffer_bytes_max : requests_bytes_max;
    if (end_ == buffer_bytes_ && buffer_bytes_ < bytes_max) {
        auto larger = std::make_unique_for_overwrite<char[]>(buffer_bytes_ * 4);
        std::copy_n(buffer_.get(), end_, larger.get());
        buffer_ = std::move(larger);
        buffer_bytes_ *= 4;
    }
    co_return Filled::some;
}

asio::awaitable<Response> Connection::handle(Request request) {
    set_deadline(Phase::handling, Duration::max());
    const RunningHandler running(core_->handlers_running);
    std::string why;
    try {
        co_return co_await core_->router.serve(std::move(request));
    } catch (const std::exception& e) {
        why = e.what();
    } catch (...) {
        why = "an unknown exception";
    }
    spdlog::error("http: serving {} to {} failed: {}", for_log(target_), remote_, for_log(why));
    co_return Response::text(500, "An internal error; the log has it.");
}

}  // namespace tepui::http
