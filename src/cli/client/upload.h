#pragma once

#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/result.h"

namespace tepui::cli {

namespace asio = boost::asio;

/// A POST whose body goes on: RecordIO of protobuf records, one HTTP chunk each. One coroutine at a
/// time.
class Upload {
public:
    /// Connects to `agent` ("host:port") and sends the head.
    static asio::awaitable<Result<std::unique_ptr<Upload>>> open(std::string agent,
                                                                 std::string target);
    asio::awaitable<Result<void>> send(std::string record);
    /// Ends the body and reads the answer's status. Fails as status_error does unless it is 200.
    asio::awaitable<Result<void>> finish();
    void close();

private:
    explicit Upload(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}
    asio::awaitable<Result<void>> read_answer();

    asio::ip::tcp::socket socket_;
};

}  // namespace tepui::cli
