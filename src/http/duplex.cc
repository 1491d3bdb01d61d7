#include "http/duplex.h"

#include <algorithm>

#include <spdlog/spdlog.h>
#include <boost/asio.hpp>

namespace tepui::http {
namespace {

constexpr std::size_t duplex_bytes_max = std::size_t{64} << 20;
constexpr std::size_t read_bytes_min = std::size_t{8} << 10;
constexpr std::size_t read_bytes_max = std::size_t{256} << 10;

}  // namespace

void Pump::run(std::shared_ptr<void> owner, std::string_view head) {
    if (is_stopped_) return;
    if (outbox_->overflowed()) return end(End::overflow);
    if (is_writing_) return;
    switch (outbox_->take(framing_, head, batch_)) {
        case Outbox::Taken::empty:
        case Outbox::Taken::closed: return;
        case Outbox::Taken::overflow: return end(End::overflow);
        case Outbox::Taken::some: break;
    }
    is_writing_ = true;
    auto all = [](const boost::system::error_code& error, std::size_t) {
        return error ? std::size_t{0} : write_bytes_max;
    };
    asio::async_write(socket_, std::span<const asio::const_buffer>(batch_.buffers), all,
                      [this, owner = std::move(owner)](const boost::system::error_code& error,
                                                       std::size_t) mutable {
                          on_written(std::move(owner), static_cast<bool>(error));
                      });
}

void Pump::on_written(std::shared_ptr<void> owner, bool is_broken) {
    is_writing_ = false;
    if (is_stopped_) return;
    if (is_broken) return end(End::broken);
    if (batch_.last) return end(End::finished);
    run(std::move(owner));
}

void Pump::end(End reason) {
    is_stopped_ = true;
    const auto done = std::move(done_);
    done_ = nullptr;
    if (done) done(reason);
}

std::shared_ptr<SocketDuplex> SocketDuplex::make(Parts parts) {
    auto duplex = std::make_shared<SocketDuplex>(std::move(parts));
    duplex->begin();
    return duplex;
}

SocketDuplex::SocketDuplex(Parts parts)
    : context_(std::move(parts.context)),
      socket_(std::move(parts.socket)),
      read_ahead_(std::move(parts.read_ahead)),
      remote_(std::move(parts.remote)),
      keep_(std::move(parts.keep)),
      outbox_(std::make_shared<Outbox>(duplex_bytes_max)),
      pump_(socket_, outbox_, Framing::raw, [this](Pump::End end) {
          if (end == Pump::End::overflow)
              spdlog::warn("http: {} does not read its link fast enough; it is cut", remote_);
          close_here();
      }) {}

SocketDuplex::~SocketDuplex() { outbox_->close(); }

void SocketDuplex::begin() {
    outbox_->attach([weak = weak_from_this()] {
        auto self = weak.lock();
        if (!self) return;
        auto executor = self->socket_.get_executor();
        asio::post(executor, [self = std::move(self)] { self->pump_.run(self); });
    });
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->pump_.run(self); });
}

asio::awaitable<Result<std::string>> SocketDuplex::read() {
    const asio::any_io_executor strand = socket_.get_executor();
    const asio::any_io_executor here = co_await asio::this_coro::executor;
    if (here == strand) co_return co_await read_here();
    auto on_strand = read_here();
    co_return co_await asio::co_spawn(strand, std::move(on_strand), asio::use_awaitable);
}

asio::awaitable<Result<std::string>> SocketDuplex::read_here() {
    const auto self = shared_from_this();
    if (!read_ahead_.empty()) co_return std::exchange(read_ahead_, {});
    if (!socket_.is_open()) co_return fail(Errc::io, "the link to {} is closed", remote_);
    if (!buffer_) {
        buffer_bytes_ = read_bytes_min;
        buffer_ = std::make_unique_for_overwrite<char[]>(buffer_bytes_);
    }
    const asio::mutable_buffer room(buffer_.get(), buffer_bytes_);
    const auto [error, got] =
        co_await socket_.async_read_some(room, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof) co_return std::string{};
    if (error) co_return fail(Errc::io, "reading from {}: {}", remote_, error.message());
    std::string bytes(buffer_.get(), got);
    // A peer that fills the buffer has more: ask for more the next time.
    if (got == buffer_bytes_ && buffer_bytes_ < read_bytes_max) {
        buffer_bytes_ *= 2;
        buffer_ = std::make_unique_for_overwrite<char[]>(buffer_bytes_);
    } else if (got * 8 < buffer_bytes_ && buffer_bytes_ > read_bytes_min) {
        buffer_bytes_ /= 2;
        buffer_ = std::make_unique_for_overwrite<char[]>(buffer_bytes_);
    }
    co_return bytes;
}

void SocketDuplex::close() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->close_here(); });
}

void SocketDuplex::close_here() {
    pump_.stop();
    outbox_->close();
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    keep_.reset();
}

}  // namespace tepui::http
