#include "bench/load/api_connection.h"

#include <charconv>

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace tepui::bench {
namespace {

struct Head {
    unsigned status = 0;
    std::size_t body_bytes = 0;
};

/// Reads what the master's short answers have: a status, and a Content-Length or no body.
Result<Head> parse_head(std::string_view head) {
    Head parsed;
    const auto status = head.substr(0, 12);
    if (!status.starts_with("HTTP/1.1 ") ||
        std::from_chars(status.data() + 9, status.data() + status.size(), parsed.status).ec !=
            std::errc{})
        return fail(Errc::io, "the master's answer is not HTTP/1.1");
    constexpr std::string_view name = "\r\ncontent-length:";
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == b;
    };
    const auto found = std::search(head.begin(), head.end(), name.begin(), name.end(), same);
    if (found == head.end()) return parsed;
    std::string_view value =
        head.substr(static_cast<std::size_t>(found - head.begin()) + name.size());
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (std::from_chars(value.data(), value.data() + value.size(), parsed.body_bytes).ec !=
        std::errc{})
        return fail(Errc::io, "the master's answer has a bad Content-Length");
    return parsed;
}

}  // namespace

Result<void> ApiConnection::connect(const http::Url& url) {
    boost::system::error_code error;
    asio::ip::tcp::resolver resolver(socket_.get_executor());
    const auto endpoints = resolver.resolve(url.host, std::to_string(url.port), error);
    if (!error) asio::connect(socket_, endpoints, error);
    if (error)
        return fail(Errc::io, "cannot connect to {}:{}: {}", url.host, url.port, error.message());
    socket_.set_option(asio::ip::tcp::no_delay(true), error);
    read();
    return {};
}

void ApiConnection::post(std::string_view head, std::string_view body, std::uint64_t tag) {
    waiting_ += head;
    fmt::format_to(std::back_inserter(waiting_), "Content-Length: {}\r\n\r\n", body.size());
    waiting_ += body;
    tags_.push_back(tag);
    if (is_flush_due_) return;
    is_flush_due_ = true;  // Posted, so that all calls of one event travel in one write.
    asio::post(socket_.get_executor(), [this] { flush(); });
}

void ApiConnection::flush() {
    if (waiting_.empty() || is_failed_) {
        is_flush_due_ = false;
        return;
    }
    writing_.clear();
    std::swap(writing_, waiting_);
    asio::async_write(
        socket_, asio::buffer(writing_), [this](boost::system::error_code error, std::size_t) {
            if (error) return fail_with({Errc::io, "writing to the master: " + error.message()});
            flush();
        });
}

void ApiConnection::read() {
    socket_.async_read_some(
        asio::buffer(buffer_), [this](boost::system::error_code error, std::size_t got) {
            if (error) return fail_with({Errc::io, "reading from the master: " + error.message()});
            received_.append(buffer_.data(), got);
            if (const auto taken = take_answers(); !taken) return fail_with(taken.error());
            read();
        });
}

Result<void> ApiConnection::take_answers() {
    std::string_view rest = received_;
    for (;;) {
        const std::size_t end = rest.find("\r\n\r\n");
        if (end == std::string_view::npos) break;
        const Head head = TEPUI_TRY(parse_head(rest.substr(0, end + 2)));
        if (rest.size() < end + 4 + head.body_bytes) break;
        if (tags_.empty()) return fail(Errc::io, "the master answers what was not asked");
        const std::uint64_t tag = tags_.front();
        tags_.pop_front();
        handlers_.answered({tag, head.status, rest.substr(end + 4, head.body_bytes)});
        rest.remove_prefix(end + 4 + head.body_bytes);
    }
    received_.erase(0, received_.size() - rest.size());
    return {};
}

void ApiConnection::fail_with(Error error) {
    if (std::exchange(is_failed_, true)) return;
    handlers_.failed(std::move(error));
}

}  // namespace tepui::bench
