#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "http/client.h"

namespace tepui::bench {

namespace asio = boost::asio;

/// One HTTP/1.1 connection on which POSTs are pipelined: a request does not wait for the answer of
/// the one before. That keeps the driver's share of the two cores small; the server does for each
/// request what it does for any. Runs on an io_context with one thread.
class ApiConnection {
public:
    struct Answer {
        std::uint64_t tag = 0;
        unsigned status = 0;
        std::string_view body;
    };
    struct Handlers {
        std::function<void(const Answer&)> answered;  // In the order of the requests.
        std::function<void(Error)> failed;            // The connection broke; once.
    };

    ApiConnection(asio::io_context& io, Handlers handlers)
        : socket_(io), handlers_(std::move(handlers)) {}

    /// Blocks; numeric addresses and names alike.
    Result<void> connect(const http::Url& url);
    /// `head` is the request line and fields, each line with its CRLF, without Content-Length.
    void post(std::string_view head, std::string_view body, std::uint64_t tag);

private:
    void flush();
    void read();
    Result<void> take_answers();
    void fail_with(Error error);

    asio::ip::tcp::socket socket_;
    const Handlers handlers_;
    std::string waiting_;  // Not yet given to the socket.
    std::string writing_;
    std::deque<std::uint64_t> tags_;
    std::string received_;
    std::array<char, 1 << 16> buffer_;
    bool is_flush_due_ = false;  // A write runs or is posted.
    bool is_failed_ = false;
};

}  // namespace tepui::bench
