#pragma once

#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "http/client.h"
#include "http/parser.h"

/// One connection of the client. Private to the module.
namespace tepui::http {

using tcp = asio::ip::tcp;

/// Everything runs on the executor given, which is a strand.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
public:
    ClientConnection(const asio::any_io_executor& executor, std::string name);

    /// "host:port", as errors name it and idle connections are found by.
    const std::string& name() const { return name_; }

    asio::awaitable<Result<void>> connect(const Url& url);
    /// Sends the request and reads the head of the final response.
    asio::awaitable<Result<void>> exchange_head(const ClientRequest& request);
    /// Reads more of the body into parser().body(); true when it is complete.
    asio::awaitable<Result<bool>> read_body();

    ResponseParser& parser() { return parser_; }
    /// Whether the peer has sent nothing since the request went out: it may never have seen it.
    bool is_unanswered() const { return is_unanswered_; }
    /// Whether an idle connection still seems to be open.
    bool is_usable();
    /// Whether another request may follow: the response is read and the peer keeps the connection.
    bool is_reusable() const;

    /// From now on everything that waits fails when `deadline` has passed, of which `spent` is
    /// over; Duration::max() ends that.
    void set_deadline(Duration deadline, Duration spent = Duration::zero());
    bool is_expired() const { return is_expired_; }
    void close();
    /// The socket, and what was read behind the head.
    tcp::socket take_socket() { return std::move(socket_); }
    std::string take_read_ahead() { return std::exchange(received_, {}); }

private:
    asio::awaitable<Result<void>> receive();
    std::unexpected<Error> failure(std::string_view what, const boost::system::error_code& error);

    const std::string name_;
    tcp::socket socket_;
    tcp::resolver resolver_;
    asio::steady_timer timer_;
    ResponseParser parser_;
    std::string received_;  // Not yet taken by the parser.
    std::unique_ptr<char[]> buffer_;
    Duration deadline_ = Duration::max();
    bool is_unanswered_ = false;
    bool is_expired_ = false;
};

}  // namespace tepui::http
