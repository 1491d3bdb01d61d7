#include "agent/probe_network.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <optional>
#include <utility>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

#include "agent/network_socket.h"
#include "agent/probe_url.h"
#include "http/parser.h"

namespace tepui::agent {

class ProbeTls {
public:
    ProbeTls() { context.set_verify_mode(asio::ssl::verify_none); }
    asio::ssl::context context{asio::ssl::context::tls_client};
};

std::shared_ptr<ProbeTls> make_probe_tls() { return std::make_shared<ProbeTls>(); }

namespace {

using asio::ip::tcp;
using boost::system::error_code;
using Outcome = ProbeResult::Outcome;
using Tls = asio::ssl::stream<tcp::socket&>;

constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

constexpr int redirects_max = 50;
constexpr std::size_t head_bytes_max = std::size_t{64} << 10;
// Of a body; the status is known by then, and the rest would only cost.
constexpr std::size_t body_bytes_max = std::size_t{1} << 20;
// Timeouts of the wire reach beyond what clocks can count.
constexpr Duration timeout_max = std::chrono::hours{24 * 365};

ProbeResult answered(std::int32_t value) { return {Outcome::answered, value, {}}; }

/// What both kinds have: a socket, and a deadline that closes it. Most looks end before there was
/// anything to wait for: only what waits costs a timer and a place in the event loop.
class Probe : public NetworkProbe, public std::enable_shared_from_this<Probe> {
public:
    Probe(const ProbePlace& place, std::string address, Duration timeout)
        : socket_(place.executor),
          resolver_(place.executor),
          network_of_(place.network_of),
          address_(std::move(address)),
          timer_(place.executor),
          timeout_(std::clamp(timeout, Duration::zero(), timeout_max)),
          due_(std::chrono::steady_clock::now() + timeout_) {}

    asio::awaitable<ProbeResult> run() final {
        const auto self = shared_from_this();
        ProbeResult result = co_await look();
        timer_.cancel();
        close();
        if (expired_) {
            co_return ProbeResult{Outcome::timed_out, 0,
                                  "no answer within " + format_duration(timeout_)};
        }
        co_return result;
    }

    void cancel() final {
        timer_.cancel();
        expire();
    }

protected:
    virtual asio::awaitable<ProbeResult> look() = 0;

    asio::awaitable<error_code> connect(tcp::endpoint endpoint) {
        close();
        if (expired_) co_return error_code(asio::error::operation_aborted);
        const bool inside = open(endpoint.protocol());
        if (!fresh_) co_return last_error();
        // A task that just ended has no loopback any more, and the host's is not its own.
        if (network_of_ > 0 && !inside && endpoint.address().is_loopback())
            co_return error_code(asio::error::connection_refused);
        const int why =
            connect_at_once(fresh_.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));
        if (why == EINPROGRESS) {
            error_code error = use_socket(endpoint.protocol());
            if (!error)
                std::tie(error) = co_await socket_.async_wait(tcp::socket::wait_write, as_tuple);
            if (!error) error = outcome_of_connect();
            if (error) co_return error;
        } else if (why != 0) {
            co_return error_code(why, boost::system::system_category());
        }
        co_return is_own_peer(endpoint) ? error_code(asio::error::connection_refused)
                                        : error_code{};
    }

    /// To the task's loopback address, where it may be reached only from its own network; and, when
    /// nobody listens there, to the address that it has in that network.
    asio::awaitable<error_code> connect_to_task(tcp::endpoint loopback) {
        error_code bad;
        const auto address = asio::ip::make_address(address_, bad);
        if (bad) co_return co_await connect(loopback);
        const tcp::endpoint own(address, loopback.port());
        const bool inside = can_enter_network(network_of_);
        const error_code error = co_await connect(inside ? loopback : own);
        if (!inside || error != asio::error::connection_refused) co_return error;
        co_return co_await connect(own);
    }

    /// To be called before something is waited for: the deadline counts from here on, though it is
    /// counted from the probe's beginning.
    void arm() {
        if (std::exchange(armed_, true)) return;
        timer_.expires_at(due_);
        timer_.async_wait([self = shared_from_this()](const error_code& error) {
            if (!error) self->expire();
        });
    }

    /// Makes `socket_` what connect() connected, to wait with.
    error_code use_socket(const tcp& protocol) {
        arm();
        if (expired_) return asio::error::operation_aborted;
        if (!fresh_) return {};
        error_code error;
        socket_.assign(protocol, fresh_.get(), error);
        if (!error) fresh_.release();
        return error;
    }

    tcp::socket socket_;
    tcp::resolver resolver_;
    bool expired_ = false;

private:
    /// A descriptor that no event loop knows.
    class Fresh {
    public:
        ~Fresh() { reset(-1); }
        void reset(int fd) {
            if (fd_ >= 0) ::close(fd_);
            fd_ = fd;
        }
        void release() { fd_ = -1; }
        int get() const { return fd_; }
        explicit operator bool() const { return fd_ >= 0; }

    private:
        int fd_ = -1;
    };

    static error_code last_error() { return {errno, boost::system::system_category()}; }

    void close() {
        fresh_.reset(-1);
        error_code ignored;
        if (socket_.is_open()) socket_.close(ignored);
    }

    int descriptor() { return fresh_ ? fresh_.get() : socket_.native_handle(); }

    error_code outcome_of_connect() {
        int why = 0;
        socklen_t size = sizeof why;
        if (::getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &why, &size) != 0) return last_error();
        return {why, boost::system::system_category()};
    }

    /// To a port of the range that clients get theirs from, with nobody listening, a socket may by
    /// chance be connected with itself.
    bool is_own_peer(const tcp::endpoint& endpoint) {
        tcp::endpoint here;
        auto size = static_cast<socklen_t>(here.capacity());
        if (::getsockname(descriptor(), here.data(), &size) != 0) return false;
        here.resize(size);
        return here == endpoint;
    }

    /// In the task's network where it can be entered; whether it was.
    bool open(const tcp& protocol) {
        const int fd = network_of_ > 0 ? socket_in_network(network_of_, protocol.family()) : -1;
        fresh_.reset(fd >= 0 ? fd
                             : ::socket(protocol.family(),
                                        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
        return fd >= 0;
    }

    void expire() {
        expired_ = true;
        resolver_.cancel();
        close();
    }

    const std::int64_t network_of_;
    const std::string address_;  // Of the task in its network; empty: it has none of its own.
    Fresh fresh_;                // Until it is `socket_`; then that alone is open.
    asio::steady_timer timer_;
    const Duration timeout_;
    const std::chrono::steady_clock::time_point due_;
    bool armed_ = false;
};

tcp::endpoint loopback_at(bool ipv6, std::uint16_t port) {
    if (ipv6) return {asio::ip::address_v6::loopback(), port};
    return {asio::ip::address_v4::loopback(), port};
}

bool is_own_fault(const error_code& error) {
    return error == boost::system::errc::too_many_files_open ||
           error == boost::system::errc::too_many_files_open_in_system ||
           error == boost::system::errc::address_not_available;
}

class TcpLook final : public Probe {
public:
    TcpLook(const ProbePlace& place, TcpProbe target, Duration timeout)
        : Probe(place, target.address, timeout), target_(std::move(target)) {}

private:
    asio::awaitable<ProbeResult> look() override {
        const error_code error = co_await connect_to_task(loopback_at(target_.ipv6, target_.port));
        if (is_own_fault(error)) co_return ProbeResult{Outcome::failed, 0, error.message()};
        ProbeResult result = answered(error ? 0 : 1);
        if (error) result.why = error.message();
        co_return result;
    }

    const TcpProbe target_;
};

bool is_redirect(unsigned status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

class HttpLook final : public Probe {
public:
    HttpLook(const ProbePlace& place, std::shared_ptr<ProbeTls> tls, HttpProbe target,
             Duration timeout)
        : Probe(place, target.address, timeout), tls_(std::move(tls)), target_(std::move(target)) {}

private:
    struct Answer {
        unsigned status = 0;
        std::optional<std::string> location;
    };

    asio::awaitable<ProbeResult> look() override {
        const std::string loopback = target_.ipv6 ? "::1" : "127.0.0.1";
        ProbeUrl url{target_.scheme == "https", loopback, target_.port, target_.path};
        for (int redirects = 0; redirects <= redirects_max; ++redirects) {
            const Result<Answer> answer = co_await ask(url);
            if (!answer) co_return ProbeResult{Outcome::failed, 0, answer.error().text};
            if (!is_redirect(answer->status) || !answer->location) {
                const auto status = static_cast<std::int32_t>(answer->status);
                co_return ProbeResult{Outcome::answered, status,
                                      fmt::format("the status is {}", status)};
            }
            Result<ProbeUrl> next = follow_redirect(url, *answer->location);
            if (!next) co_return ProbeResult{Outcome::failed, 0, next.error().text};
            url = std::move(*next);
        }
        co_return ProbeResult{Outcome::failed, 0,
                              fmt::format("more than {} redirects", redirects_max)};
    }

    asio::awaitable<Result<Answer>> ask(ProbeUrl url) {
        if (!is_clean_target(url.target)) co_return fail(Errc::invalid_argument, "a bad path");
        const Result<void> reached = co_await reach(url);
        if (!reached) co_return std::unexpected<Error>(reached.error());
        if (!url.tls) {
            Result<Answer> answer = co_await exchange(socket_, url);
            co_return answer;
        }
        Tls stream(socket_, tls_->context);
        if (url.host.find_first_not_of("0123456789.:abcdefABCDEF") != std::string::npos) {
            SSL_set_tlsext_host_name(stream.native_handle(), url.host.c_str());
        }
        const auto [error] =
            co_await stream.async_handshake(asio::ssl::stream_base::client, as_tuple);
        if (error) co_return fail(Errc::io, "speaking TLS: {}", error.message());
        Result<Answer> answer = co_await exchange(stream, url);
        co_return answer;
    }

    asio::awaitable<Result<void>> reach(ProbeUrl url) {
        error_code error;
        const auto address = asio::ip::make_address(url.host, error);
        if (!error) {
            const tcp::endpoint endpoint(address, url.port);
            if (address.is_loopback())
                error = co_await connect_to_task(endpoint);
            else
                error = co_await connect(endpoint);
            if (!error) error = use_socket(endpoint.protocol());
            if (error) co_return fail(Errc::io, "connecting: {}", error.message());
            co_return Result<void>{};
        }
        arm();
        auto [failure, found] =
            co_await resolver_.async_resolve(url.host, std::to_string(url.port), as_tuple);
        if (failure) co_return fail(Errc::io, "finding '{}': {}", url.host, failure.message());
        for (const auto& entry : found) {
            const tcp::endpoint endpoint = entry.endpoint();
            failure = co_await connect(endpoint);
            if (!failure) failure = use_socket(endpoint.protocol());
            if (!failure) co_return Result<void>{};
        }
        co_return fail(Errc::io, "connecting to '{}': {}", url.host, failure.message());
    }

    template <typename Stream>
    asio::awaitable<Result<Answer>> exchange(Stream& stream, ProbeUrl url) {
        const std::string request = fmt::format(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tepui-probe\r\nAccept: */*\r\n"
            "Connection: close\r\n\r\n",
            url.target, host_field(url));
        const auto [unsent, sent] =
            co_await asio::async_write(stream, asio::buffer(request), as_tuple);
        if (unsent) co_return fail(Errc::io, "asking: {}", unsent.message());
        http::ResponseParser parser({head_bytes_max, std::numeric_limits<std::size_t>::max()});
        parser.reset(false);
        std::string received;
        std::array<char, 4096> buffer;
        std::size_t body_bytes = 0;
        while (!parser.done() && !parser.failure() && body_bytes < body_bytes_max) {
            const auto [error, count] =
                co_await stream.async_read_some(asio::buffer(buffer), as_tuple);
            if (error == asio::error::eof || error == asio::ssl::error::stream_truncated) {
                parser.feed_end();
                break;
            }
            if (error) co_return fail(Errc::io, "reading: {}", error.message());
            received.append(buffer.data(), count);
            received.erase(0, parser.feed(received));
            while (parser.done() && parser.status() < 200) {  // "Continue": the answer comes yet.
                parser.reset(false);
                received.erase(0, parser.feed(received));
            }
            body_bytes += parser.body().size();
            parser.body().clear();
        }
        if (parser.failure()) {
            co_return fail(Errc::io, "reading: {}", parser.failure()->text);
        }
        Answer answer;
        answer.status = parser.status();
        if (const auto location = parser.headers().find("Location")) answer.location = *location;
        co_return answer;
    }

    const std::shared_ptr<ProbeTls> tls_;
    const HttpProbe target_;
};

}  // namespace

std::shared_ptr<NetworkProbe> make_network_probe(const ProbePlace& place,
                                                 std::shared_ptr<ProbeTls> tls, HttpProbe target,
                                                 Duration timeout) {
    return std::make_shared<HttpLook>(place, std::move(tls), std::move(target), timeout);
}

std::shared_ptr<NetworkProbe> make_network_probe(const ProbePlace& place, TcpProbe target,
                                                 Duration timeout) {
    return std::make_shared<TcpLook>(place, std::move(target), timeout);
}

}  // namespace tepui::agent
