#include "http/client_connection.h"

#include <sys/socket.h>

#include <limits>

#include <boost/asio.hpp>

#include "http/duplex.h"
#include "http/text.h"

namespace tepui::http {
namespace {

constexpr std::size_t head_bytes_max = std::size_t{256} << 10;
constexpr std::size_t read_bytes = std::size_t{16} << 10;

std::string serialize_head(const ClientRequest& request, const std::string& name) {
    std::string head = fmt::format("{} {} HTTP/1.1\r\n", request.method,
                                   request.url.target.empty() ? "/" : request.url.target);
    if (!request.headers.contains("Host"))
        fmt::format_to(std::back_inserter(head), "Host: {}\r\n", name);
    for (const auto& [key, value] : request.headers.all()) {
        const std::size_t begin = head.size();
        fmt::format_to(std::back_inserter(head), "{}: {}", key, value);
        // Text from elsewhere must not begin another field.
        for (std::size_t i = begin; i < head.size(); ++i)
            if (head[i] == '\r' || head[i] == '\n') head[i] = ' ';
        head.append("\r\n");
    }
    const bool has_body_by_nature = request.method == "POST" || request.method == "PUT";
    if (!request.body.empty() || has_body_by_nature)
        fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", request.body.size());
    head.append("\r\n");
    return head;
}

}  // namespace

ClientConnection::ClientConnection(const asio::any_io_executor& executor, std::string name)
    : name_(std::move(name)),
      socket_(executor),
      resolver_(executor),
      timer_(executor),
      parser_({head_bytes_max, std::numeric_limits<std::size_t>::max()}) {}

std::unexpected<Error> ClientConnection::failure(std::string_view what,
                                                 const boost::system::error_code& error) {
    if (is_expired_)
        return fail(Errc::timeout, "{} {}: no success within {}", what, name_,
                    format_duration(deadline_));
    if (error == asio::error::eof)
        return fail(Errc::io, "{} {}: the connection was closed", what, name_);
    return fail(Errc::io, "{} {}: {}", what, name_, error.message());
}

void ClientConnection::set_deadline(Duration deadline, Duration spent) {
    timer_.cancel();
    deadline_ = deadline;
    is_expired_ = false;
    if (deadline == Duration::max()) return;
    timer_.expires_after(deadline - spent);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        // A timer that was set again meanwhile ran for an earlier exchange.
        if (error || !self || self->timer_.expiry() > asio::steady_timer::clock_type::now()) return;
        self->is_expired_ = true;
        self->close();
    });
}

void ClientConnection::close() {
    boost::system::error_code ignored;
    resolver_.cancel();
    socket_.close(ignored);
}

asio::awaitable<Result<void>> ClientConnection::connect(const Url& url) {
    const auto self = shared_from_this();
    boost::system::error_code parse_error;
    const auto address = asio::ip::make_address(url.host, parse_error);
    boost::system::error_code error;
    if (!parse_error) {
        const tcp::endpoint endpoint(address, url.port);
        std::tie(error) =
            co_await socket_.async_connect(endpoint, asio::as_tuple(asio::use_awaitable));
    } else {
        const auto [resolve_error, endpoints] = co_await resolver_.async_resolve(
            url.host, std::to_string(url.port), asio::as_tuple(asio::use_awaitable));
        if (resolve_error || is_expired_) co_return failure("resolving", resolve_error);
        const auto [connect_error, endpoint] =
            co_await asio::async_connect(socket_, endpoints, asio::as_tuple(asio::use_awaitable));
        error = connect_error;
    }
    if (error || is_expired_) co_return failure("connecting to", error);
    boost::system::error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    co_return Result<void>{};
}

asio::awaitable<Result<void>> ClientConnection::exchange_head(const ClientRequest& request) {
    const auto self = shared_from_this();
    const bool is_head = request.method == "HEAD";
    parser_.reset(is_head);
    is_unanswered_ = true;
    const std::string head = serialize_head(request, name_);
    const std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(request.body)};
    auto all = [](const boost::system::error_code& e, std::size_t) {
        return e ? std::size_t{0} : write_bytes_max;
    };
    const auto [error, sent] =
        co_await asio::async_write(socket_, buffers, all, asio::as_tuple(asio::use_awaitable));
    // A server may answer and close before it took the whole body: its answer still counts.
    if (error && (is_expired_ || request.body.empty())) co_return failure("writing to", error);
    for (;;) {
        while (!parser_.head_done()) {
            const auto got = co_await receive();
            if (!got) co_return std::unexpected<Error>(got.error());
        }
        const unsigned status = parser_.status();
        if (status >= 200 || status == 101) co_return Result<void>{};
        parser_.reset(is_head);  // 100 and its like announce the real answer.
        received_.erase(0, parser_.feed(received_));
    }
}

/// Reads once and feeds the parser, with what an earlier feed left over in front.
asio::awaitable<Result<void>> ClientConnection::receive() {
    if (!buffer_) buffer_ = std::make_unique_for_overwrite<char[]>(read_bytes);
    const asio::mutable_buffer room(buffer_.get(), read_bytes);
    const auto [error, got] =
        co_await socket_.async_read_some(room, asio::as_tuple(asio::use_awaitable));
    if (is_expired_) co_return failure("reading from", error);
    if (error == asio::error::eof && parser_.head_done()) {
        parser_.feed_end();
        if (!parser_.failure()) co_return Result<void>{};
    }
    if (error) co_return failure("reading from", error);
    is_unanswered_ = false;
    const std::string_view fresh(buffer_.get(), got);
    if (received_.empty()) {
        const std::size_t used = parser_.feed(fresh);
        received_.assign(fresh.substr(used));
    } else {
        received_.append(fresh);
        received_.erase(0, parser_.feed(received_));
    }
    if (parser_.failure())
        co_return fail(Errc::io, "reading from {}: {}", name_, parser_.failure()->text);
    co_return Result<void>{};
}

asio::awaitable<Result<bool>> ClientConnection::read_body() {
    const auto self = shared_from_this();
    if (parser_.done()) co_return true;
    const auto got = co_await receive();
    if (!got) co_return std::unexpected<Error>(got.error());
    co_return parser_.done();
}

bool ClientConnection::is_reusable() const {
    return socket_.is_open() && parser_.done() && parser_.keep_alive() && received_.empty();
}

bool ClientConnection::is_usable() {
    char byte = 0;
    const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace tepui::http
