#include "cli/client/upload.h"

#include <charconv>

#include <fmt/format.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "cli/client/master_api.h"
#include "http/client.h"
#include "wire/recordio.h"

namespace tepui::cli {

asio::awaitable<Result<std::unique_ptr<Upload>>> Upload::open(std::string agent,
                                                              std::string target) {
    const auto url = http::parse_url(agent);
    if (!url) co_return std::unexpected(url.error());
    const auto executor = co_await asio::this_coro::executor;
    asio::ip::tcp::resolver resolver(executor);
    const std::string port = std::to_string(url->port);
    const auto [unknown, addresses] =
        co_await resolver.async_resolve(url->host, port, asio::as_tuple(asio::use_awaitable));
    if (unknown) co_return fail(Errc::io, "cannot find {}: {}", agent, unknown.message());
    asio::ip::tcp::socket socket(executor);
    const auto [refused, endpoint] =
        co_await asio::async_connect(socket, addresses, asio::as_tuple(asio::use_awaitable));
    if (refused) co_return fail(Errc::io, "cannot connect to {}: {}", agent, refused.message());
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    std::unique_ptr<Upload> made(new Upload(std::move(socket)));
    const std::string head = fmt::format(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/recordio\r\n"
        "Message-Content-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n",
        target, agent);
    const auto [error, count] = co_await asio::async_write(made->socket_, asio::buffer(head),
                                                           asio::as_tuple(asio::use_awaitable));
    if (error) co_return fail(Errc::io, "{} hung up: {}", agent, error.message());
    co_return std::move(made);
}

asio::awaitable<Result<void>> Upload::send(std::string record) {
    const std::string framed = wire::encode_record(record);
    const std::string chunk = fmt::format("{:x}\r\n{}\r\n", framed.size(), framed);
    const auto [error, count] = co_await asio::async_write(socket_, asio::buffer(chunk),
                                                           asio::as_tuple(asio::use_awaitable));
    if (!error) co_return Result<void>{};
    // The answer may say why nothing more is read.
    auto answer = co_await read_answer();
    if (!answer) co_return answer;
    co_return fail(Errc::cancelled, "nothing more is read");
}

asio::awaitable<Result<void>> Upload::finish() {
    const std::string last = "0\r\n\r\n";
    // Where that fails, the answer may be there all the same.
    [[maybe_unused]] const auto written = co_await asio::async_write(
        socket_, asio::buffer(last), asio::as_tuple(asio::use_awaitable));
    auto answer = co_await read_answer();
    co_return answer;
}

asio::awaitable<Result<void>> Upload::read_answer() {
    constexpr std::size_t answer_bytes_max = 64 << 10;
    std::string text;
    auto buffer = asio::dynamic_buffer(text, answer_bytes_max);
    const auto [error, size] = co_await asio::async_read_until(socket_, buffer, "\r\n\r\n",
                                                               asio::as_tuple(asio::use_awaitable));
    if (error) co_return fail(Errc::io, "the agent hung up: {}", error.message());
    unsigned status = 0;
    const std::size_t at = text.find(' ');
    if (at != std::string::npos)
        std::from_chars(text.data() + at + 1, text.data() + text.size(), status);
    if (status == 200) co_return Result<void>{};
    std::string body = text.substr(size);
    co_return std::unexpected(status_error(status, body));
}

void Upload::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace tepui::cli
