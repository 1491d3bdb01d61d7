#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "base/result.h"
#include "base/time.h"

namespace tepui::containerizer::docker {

namespace asio = boost::asio;

struct Request {
    std::string method = "GET";
    std::string path;  // With its query, encoded.
    std::string body = {};
    std::vector<std::pair<std::string, std::string>> headers = {};
    bool upgrade = false;  // To a stream of bytes.
};

struct Answer {
    int status = 0;
    std::string api_version;  // The header Api-Version; empty: it had none.
    std::string body;         // What no sink took.
    bool ok() const { return status >= 200 && status < 300; }
};

/// A connection that became a stream of bytes in both directions.
struct Upgraded {
    asio::local::stream_protocol::socket socket;
    std::string first;  // What came of it with the head of the answer.
};

/// Takes parts of a body as they come; an error ends the exchange with it.
using Sink = std::function<Result<void>(std::string_view)>;

/// Ends, from outside, whatever exchanges were begun with it. For one thread: that of the io
/// context.
class Stop {
public:
    void request();
    bool requested() const { return requested_; }
    /// Called by request(), or at once when that came already; `alive` gone: not called.
    void on_request(std::weak_ptr<void> alive, std::function<void()> end);

private:
    bool requested_ = false;
    std::vector<std::pair<std::weak_ptr<void>, std::function<void()>>> ends_;
};
using StopPtr = std::shared_ptr<Stop>;

/// How long an exchange may take.
struct Patience {
    Duration head;                       // Until the head of the answer is here.
    std::optional<Duration> silence;     // Between two parts of the body; absent: for ever.
    std::optional<Duration> total = {};  // For everything; absent: no bound.
    std::function<void()> at_head = {};  // Called when the head of an answer of 2xx is here.
};

/// Exchanges with a server on a unix socket, each on a connection of its own. All of it on the
/// thread of `io`.
class Transport {
public:
    static constexpr std::size_t body_bytes_max = std::size_t{64} << 20;

    Transport(asio::io_context& io, std::string socket_path)
        : io_(io), socket_path_(std::move(socket_path)) {}

    /// Sends `request` and reads the answer; with a sink, the body of a 2xx goes there. Fails with
    /// unavailable when nobody listens, timeout, cancelled by `stop`, io on what is no answer.
    /// `request` and `sink` live until the end.
    asio::awaitable<Result<Answer>> exchange(Request request, Patience patience, Sink sink,
                                             StopPtr stop);

    /// Sends `request` and gives the connection away once the head of a success is here, within
    /// `timeout`; `stop` ends it until then. Another answer comes with its body and without a
    /// stream. Errors as of exchange().
    struct UpgradeAnswer {
        Answer answer;
        std::shared_ptr<Upgraded> stream;
    };
    asio::awaitable<Result<UpgradeAnswer>> upgrade(Request request, Duration timeout, StopPtr stop);

    const std::string& socket_path() const { return socket_path_; }

private:
    asio::io_context& io_;
    const std::string socket_path_;
};

/// Pauses; ends early when `stop` is requested.
asio::awaitable<void> pause(asio::io_context& io, Duration span, StopPtr stop);

/// `text` as a part of a path or query.
std::string url_encode(std::string_view text);

}  // namespace tepui::containerizer::docker
