#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "http/router.h"

namespace tepui::http {

struct ServerOptions {
    std::string ip = "127.0.0.1";
    std::uint16_t port = 0;  // 0 takes a free one; Server::port() tells.
    unsigned threads = 2;    // I/O threads.
    std::size_t head_bytes_max = std::size_t{64} << 10;  // 431 beyond.
    std::size_t body_bytes_max = std::size_t{64} << 20;  // 413 beyond, also after gunzip.
    Duration head_deadline =
        std::chrono::seconds{15};  // From the first byte of a head; 408 beyond.
    Duration body_deadline = std::chrono::seconds{60};
    Duration idle_deadline = std::chrono::minutes{10};  // Keep-alive without a request.
    std::size_t connections_max = 10'000;
    std::size_t connections_per_ip_max = 10'000;
};

/// Counters since the start, for metrics. Read from any thread.
struct ServerStats {
    std::uint64_t connections_open = 0;
    std::uint64_t connections_total = 0;
    std::uint64_t requests_total = 0;
    std::uint64_t requests_refused = 0;     // 4xx that the server itself gave.
    std::uint64_t bodies_refused = 0;       // Of those: 413, beyond body_bytes_max.
    std::uint64_t connections_refused = 0;  // Beyond connections_max or connections_per_ip_max.
    std::uint64_t slow_readers_cut = 0;
};

/// An HTTP/1.1 server on its own I/O threads. No bytes from a peer stop it.
class Server {
public:
    Server(ServerOptions options, Router router);
    ~Server();  // Stops.
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Binds and serves. Fails with io when the address is taken: the text names it.
    Result<void> start();
    std::uint16_t port() const;
    ServerStats stats() const;
    asio::any_io_executor executor() const;

    /// Closes the listener, finishes streams, lets running requests end until `grace` passed, then
    /// closes what is left and joins the threads. Idempotent.
    void stop(Duration grace = std::chrono::seconds{2});

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tepui::http
