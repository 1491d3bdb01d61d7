#pragma once

#include <memory>
#include <string>

#include "http/message.h"

namespace tepui::http {

/// "http://host:port/path?query" in its parts.
struct Url {
    std::string scheme = "http";
    std::string host;
    std::uint16_t port = 80;
    std::string target = "/";  // Path and query.
};
/// Accepts "http://host:port/x", "//host:port/x" and "host:port/x".
Result<Url> parse_url(std::string_view text);
std::string to_string(const Url& url);

struct ClientRequest {
    std::string method = "GET";
    Url url;
    Headers headers;
    std::string body;
    Duration deadline =
        std::chrono::seconds{75};  // For the whole exchange (a stream: for its head).
    std::size_t body_bytes_max = std::size_t{1} << 30;
};

/// A response whose body arrives over time.
class ClientStream {
public:
    virtual ~ClientStream() = default;
    virtual unsigned status() const = 0;
    virtual const Headers& headers() const = 0;
    /// Some bytes of the body (no relation to chunks), or an empty string at its end; fails when
    /// the connection broke in the middle.
    virtual asio::awaitable<Result<std::string>> read() = 0;
    virtual void close() = 0;
};

/// An HTTP/1.1 client. Keeps idle connections per host and uses them again. All coroutines run on
/// the executor given; one Client belongs to one strand.
class Client {
public:
    explicit Client(asio::any_io_executor executor);
    ~Client();

    /// The whole exchange. Does not follow redirects; any status is a success here.
    asio::awaitable<Result<Response>> request(ClientRequest request);
    /// Returns once the head has come; the connection belongs to the stream.
    asio::awaitable<Result<std::unique_ptr<ClientStream>>> open(ClientRequest request);
    /// Asks for an upgrade to `protocol`; fails unless the answer is 101 (the text has the status).
    asio::awaitable<Result<std::shared_ptr<Duplex>>> upgrade(ClientRequest request,
                                                             std::string protocol);

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tepui::http
