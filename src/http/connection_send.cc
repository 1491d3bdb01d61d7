#include <array>
#include <ctime>

#include <fmt/format.h>
#include <boost/asio.hpp>

#include "base/bytes.h"
#include "http/connection.h"
#include "http/gzip.h"
#include "http/text.h"

namespace tepui::http {
namespace {

constexpr std::size_t gzip_bytes_min = 1024;
constexpr std::size_t copy_bytes_max = std::size_t{16} << 10;
constexpr Duration linger_deadline = 1s;
constexpr std::size_t linger_bytes_max = std::size_t{4} << 20;

/// "Date: ...\r\n", made once a second.
std::string_view date_field() {
    thread_local std::time_t made_at = 0;
    thread_local std::string field;
    const std::time_t now = std::time(nullptr);
    if (now != made_at || field.empty()) {
        std::tm parts{};
        gmtime_r(&now, &parts);
        std::array<char, 64> text{};
        const std::size_t length =
            std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        field.assign(text.data(), length);
        made_at = now;
    }
    return field;
}

/// Fields that say how the message is framed are the server's own.
bool is_framing_field(std::string_view name) {
    return equals_ignoring_case(name, "Content-Length") ||
           equals_ignoring_case(name, "Transfer-Encoding") ||
           equals_ignoring_case(name, "Connection") || equals_ignoring_case(name, "Date");
}

/// A value from a handler may hold bytes that came from outside; they must not begin a new field.
void append_value(std::string& out, std::string_view value) {
    const std::size_t begin = out.size();
    out.append(value);
    for (std::size_t i = begin; i < out.size(); ++i)
        if (out[i] == '\r' || out[i] == '\n' || out[i] == '\0') out[i] = ' ';
}

bool has_no_body(unsigned status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

/// Status line and the handler's fields; framing and the empty line are still to come.
void Connection::begin_head(const Response& response) {
    out_.clear();
    append_head(response);
}

void Connection::append_head(const Response& response) {
    fmt::format_to(std::back_inserter(out_), "HTTP/1.1 {} {}\r\n", response.status,
                   reason_phrase(response.status));
    out_.append(date_field());
    for (const auto& [name, value] : response.headers.all()) {
        if (is_framing_field(name)) continue;
        append_value(out_, name);
        out_.append(": ");
        append_value(out_, value);
        out_.append("\r\n");
    }
}

asio::awaitable<bool> Connection::write(std::string_view head, std::string_view body) {
    set_deadline(Phase::writing, core_->options.body_deadline);
    const std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body)};
    // Every bit of progress buys the peer more time.
    auto progress = [this](const boost::system::error_code& error, std::size_t written) {
        if (error) return std::size_t{0};
        if (written > 0) set_deadline(Phase::writing, core_->options.body_deadline);
        return write_bytes_max;
    };
    const auto [error, written] =
        co_await asio::async_write(socket_, buffers, progress, asio::as_tuple(asio::use_awaitable));
    is_expired_ = false;
    co_return !error && !is_given_up_;
}

asio::awaitable<bool> Connection::refuse(ParseFailure failure) {
    if (failure.status == 413) {
        failure.text +=
            fmt::format(" At most {} are taken.", format_bytes({core_->options.body_bytes_max}));
    }
    co_return co_await refuse(failure.status, std::move(failure.text));
}

/// Answers what cannot be served and closes; always false.
asio::awaitable<bool> Connection::refuse(unsigned status, std::string text) {
    core_->requests_refused.fetch_add(1, std::memory_order_relaxed);
    if (status == 413) core_->bodies_refused.fetch_add(1, std::memory_order_relaxed);
    keep_alive_ = false;
    is_head_ = false;
    accepts_gzip_ = false;
    if (!co_await settle()) co_return false;
    const Response response = Response::text(status, std::move(text));
    const bool is_sent = co_await send(response);
    if (is_sent) co_await linger();
    co_return false;
}

asio::awaitable<bool> Connection::send(const Response& response) {
    out_.clear();
    std::string compressed;
    const std::string_view body = append(response, form(), compressed);
    co_return co_await write(out_, body);
}

/// Appends the answer to out_. A large body is left out and returned: it is the response's own or,
/// when it was made smaller, `compressed`.
std::string_view Connection::append(const Response& response, const Form& form,
                                    std::string& compressed) {
    append_head(response);
    std::string_view body = response.body ? std::string_view(*response.body) : "";
    if (has_no_body(response.status)) {
        body = {};
    } else {
        if (form.accepts_gzip && body.size() >= gzip_bytes_min &&
            !response.headers.contains("Content-Encoding")) {
            compressed = gzip(body);
            body = compressed;
            out_.append("Content-Encoding: gzip\r\n");
        }
        fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n", body.size());
    }
    if (!form.keep_alive)
        out_.append("Connection: close\r\n");
    else if (form.is_http10)
        out_.append("Connection: keep-alive\r\n");
    out_.append("\r\n");
    if (form.is_head) body = {};
    if (body.size() > copy_bytes_max) return body;
    out_.append(body);
    return {};
}

void Connection::start_refusal(std::shared_ptr<void> keep) {
    const ServerOptions& limits = core_->options;
    auto refused = refuse(
        503, fmt::format("Too many connections: {} may be open at a time, and {} of one address.",
                         limits.connections_max, limits.connections_per_ip_max));
    asio::co_spawn(socket_.get_executor(), std::move(refused),
                   [self = shared_from_this(), keep = std::move(keep)](std::exception_ptr, bool) {
                       self->timer_.cancel();
                   });
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->arm_timer(); });
}

/// Waits until the peer has closed too: a close with unread bytes would make the kernel throw away
/// the response that is still on its way.
asio::awaitable<void> Connection::linger() {
    boost::system::error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    set_deadline(Phase::lingering, linger_deadline);
    std::size_t dropped = 0;
    while (!error && !core_->is_stopping && dropped < linger_bytes_max) {
        begin_ = end_ = 0;
        if (co_await fill() != Filled::some) co_return;
        dropped += end_;
    }
}

}  // namespace tepui::http
