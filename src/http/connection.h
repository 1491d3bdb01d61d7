#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "http/duplex.h"
#include "http/later.h"
#include "http/outbox.h"
#include "http/parser.h"
#include "http/server.h"

/// One connection of the server, and what all of them share. Private to the module.
namespace tepui::http {

class Connection;

/// What the connections of one server share. Read from all I/O threads.
struct ServerCore {
    ServerCore(ServerOptions options_in, Router router_in)
        : options(std::move(options_in)), router(std::move(router_in)) {}

    const ServerOptions options;
    const Router router;
    std::shared_ptr<void> context;  // The io_context; sockets must not outlive it.
    std::atomic<bool> is_stopping = false;
    std::atomic<std::uint64_t> connections_total = 0;
    std::atomic<std::uint64_t> requests_total = 0;
    std::atomic<std::uint64_t> requests_refused = 0;
    std::atomic<std::uint64_t> bodies_refused = 0;
    std::atomic<std::uint64_t> connections_refused = 0;
    std::atomic<std::uint64_t> slow_readers_cut = 0;
    std::atomic<std::uint64_t> handlers_running = 0;

    std::mutex mutex;  // For what follows.
    std::condition_variable seat_freed;
    std::uint64_t seats_taken = 0;
    std::map<std::string, std::size_t> seats_by_ip;
    std::uint64_t next_id = 0;
    std::map<std::uint64_t, std::weak_ptr<Connection>> connections;
    std::map<std::uint64_t, std::weak_ptr<SocketDuplex>> links;
};

/// One place among a server's connections_max and connections_per_ip_max; freed by its destructor.
class Seat {
public:
    /// Null when there is no place.
    static std::shared_ptr<Seat> take(const std::shared_ptr<ServerCore>& core, std::string ip);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    std::uint64_t id() const { return id_; }

private:
    Seat(std::shared_ptr<ServerCore> core, std::string ip, std::uint64_t id)
        : core_(std::move(core)), ip_(std::move(ip)), id_(id) {}
    const std::shared_ptr<ServerCore> core_;
    const std::string ip_;
    const std::uint64_t id_;
};

/// Counts a running handler, also when its coroutine is destroyed in the middle.
class RunningHandler {
public:
    explicit RunningHandler(std::atomic<std::uint64_t>& count) : count_(count) { ++count_; }
    ~RunningHandler() { --count_; }
    RunningHandler(const RunningHandler&) = delete;
    RunningHandler& operator=(const RunningHandler&) = delete;

private:
    std::atomic<std::uint64_t>& count_;
};

/// Reads requests, runs handlers and writes responses on one socket, until it closes. Everything
/// runs on the socket's strand; start(), begin_stop() and close_now() may be called from any
/// thread.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<ServerCore> core, tcp::socket socket, std::string remote,
               std::shared_ptr<Seat> seat);
    ~Connection();

    void start();
    /// Says 503 and closes; for a connection without a seat. Keeps `keep` until then.
    void start_refusal(std::shared_ptr<void> keep);
    /// Closes when idle, ends a stream, and takes no further request.
    void begin_stop();
    void close_now();

private:
    class Upload;
    enum class Phase : std::uint8_t { idle, receiving, handling, writing, streaming, lingering };
    enum class Filled : std::uint8_t { some, closed, expired };
    using Clock = std::chrono::steady_clock;
    /// How a request wants its answer.
    struct Form {
        bool is_head;
        bool is_http10;
        bool accepts_gzip;
        bool keep_alive;
    };
    /// A request that was handled and is answered later.
    struct InFlight {
        std::shared_ptr<LaterResponse> answer;
        Form form;
    };
    static constexpr std::size_t in_flight_max = 256;

    // connection.cc: life and receiving.
    asio::awaitable<void> run();
    asio::awaitable<bool> serve_one();
    asio::awaitable<bool> read_request();
    asio::awaitable<bool> read_head();
    asio::awaitable<bool> read_body();
    asio::awaitable<bool> invite_body();
    asio::awaitable<Result<std::string>> read_upload();
    asio::awaitable<Filled> fill();
    asio::awaitable<Response> handle(Request request);
    void feed();
    void set_deadline(Phase phase, Duration duration);
    void arm_timer();
    void on_timer();
    void give_up();

    // connection_send.cc: sending.
    asio::awaitable<bool> refuse(unsigned status, std::string text);
    asio::awaitable<bool> refuse(ParseFailure failure);
    asio::awaitable<bool> answer(const Response& response);
    asio::awaitable<bool> send(const Response& response);
    asio::awaitable<bool> write(std::string_view head, std::string_view body = {});
    asio::awaitable<void> linger();
    void begin_head(const Response& response);
    void append_head(const Response& response);
    std::string_view append(const Response& response, const Form& form, std::string& compressed);
    Form form() const { return {is_head_, is_http10_, accepts_gzip_, keep_alive_}; }

    // later.cc: requests that are handled ahead of the answers before them.
    bool may_go_ahead() const;
    asio::awaitable<bool> settle();
    asio::awaitable<bool> settle_before_reading();

    // connection_stream.cc: what outlives one exchange.
    struct StreamRun;
    asio::awaitable<bool> send_stream(const Response& response);
    asio::awaitable<bool> send_upgrade(const Response& response);
    asio::awaitable<void> watch_peer(std::shared_ptr<StreamRun> running);

    const std::shared_ptr<ServerCore> core_;
    const std::shared_ptr<void> context_;
    tcp::socket socket_;
    const std::string remote_;
    std::shared_ptr<Seat> seat_;
    asio::steady_timer timer_;
    Clock::time_point deadline_ = Clock::time_point::max();
    Clock::duration tick_;
    Phase phase_ = Phase::idle;
    bool is_expired_ = false;
    bool is_given_up_ = false;  // The socket is to be closed without another word.
    bool is_upgraded_ = false;  // The socket is another's.
    bool is_stopping_ = false;

    std::unique_ptr<char[]> buffer_;
    std::size_t buffer_bytes_ = 0;
    std::size_t begin_ = 0;  // Received and not yet parsed: [begin_, end_).
    std::size_t end_ = 0;
    RequestParser parser_;

    // Of the request that is served.
    std::string target_;
    bool is_head_ = false;
    bool is_http10_ = false;
    bool accepts_gzip_ = false;
    bool keep_alive_ = true;
    bool is_upload_ = false;    // The handler reads the body.
    std::string upload_begin_;  // What came of it with the head.

    std::deque<InFlight> in_flight_;
    std::string out_;  // The heads being written, and small bodies.
    std::shared_ptr<QueuedStream> stream_;
};

}  // namespace tepui::http
