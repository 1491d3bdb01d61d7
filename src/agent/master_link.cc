#include "agent/master_link.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "wire/media.h"
#include "wire/recordio.h"

namespace tepui::agent {
namespace {

constexpr Duration delay_first = std::chrono::milliseconds{100};
constexpr Duration delay_last = std::chrono::seconds{10};

http::ClientRequest link_request(http::Url url) {
    http::ClientRequest request;
    request.url = std::move(url);
    request.url.target = std::string(MasterLink::path);
    request.deadline = std::chrono::seconds{10};
    return request;
}

}  // namespace

MasterLink::MasterLink(asio::any_io_executor executor, std::unique_ptr<MasterDetector> detector,
                       Callbacks callbacks, std::uint64_t seed)
    : executor_(executor),
      detector_(std::move(detector)),
      callbacks_(std::move(callbacks)),
      client_(executor),
      timer_(executor),
      prng_(seed) {}

void MasterLink::start() { asio::co_spawn(executor_, run(shared_from_this()), asio::detached); }

void MasterLink::stop() {
    stopped_ = true;
    timer_.cancel();
    if (duplex_) duplex_->close();
}

void MasterLink::send(const link::ToMaster& frame) {
    if (!duplex_) return;
    duplex_->push(wire::encode_record(wire::encode(wire::Media::protobuf, frame)));
}

void MasterLink::reconnect() {
    detector_->failed();
    if (duplex_) duplex_->close();
}

asio::awaitable<void> MasterLink::run(std::shared_ptr<MasterLink> self) {
    Duration delay_max = delay_first;
    while (!self->stopped_) {
        Result<void> served;
        try {
            served = co_await self->serve_one();
        } catch (const std::exception& exception) {
            served = fail(Errc::internal, "{}", exception.what());
        }
        const bool was_connected = std::exchange(self->was_connected_, false);
        self->duplex_.reset();
        if (self->stopped_) break;
        if (!served) self->callbacks_.warn("the link to the master: " + served.error().text);
        if (was_connected) {
            delay_max = delay_first;
            self->callbacks_.event(MasterDisconnected{});
        }
        const auto delay = Duration{
            static_cast<std::int64_t>(self->prng_.unit() * static_cast<double>(delay_max.count()))};
        delay_max = std::min(delay_max * 2, delay_last);
        co_await self->wait(delay);
    }
}

asio::awaitable<Result<void>> MasterLink::serve_one() {
    const std::optional<http::Url> url = detector_->leader();
    if (!url) co_return fail(Errc::unavailable, "no leading master is known");
    auto request = link_request(*url);
    auto upgraded = co_await client_.upgrade(std::move(request), std::string(protocol));
    if (!upgraded) {
        co_await follow_redirect(*url);
        co_return std::unexpected(upgraded.error());
    }
    if (stopped_) {
        (*upgraded)->close();
        co_return Result<void>{};
    }
    duplex_ = *upgraded;
    was_connected_ = true;
    callbacks_.event(MasterConnected{});
    auto duplex = duplex_;
    auto result = co_await read_frames(duplex);
    duplex->close();
    co_return result;
}

/// A master that does not lead answers 307 with the leader's address; the refused upgrade does not
/// carry it, so the same is asked once more without one.
asio::awaitable<void> MasterLink::follow_redirect(http::Url url) {
    auto request = link_request(url);
    const auto response = co_await client_.request(std::move(request));
    if (response && response->status == 307) {
        if (const auto location = response->headers.find("Location")) {
            if (auto leader = http::parse_url(*location)) {
                detector_->redirected(std::move(*leader));
                co_return;
            }
        }
    }
    detector_->failed();
}

asio::awaitable<Result<void>> MasterLink::read_frames(std::shared_ptr<http::Duplex> duplex) {
    wire::RecordDecoder decoder(frame_bytes_max);
    for (;;) {
        TEPUI_CO_ASSIGN(const std::string bytes, co_await duplex->read());
        if (bytes.empty()) co_return Result<void>{};
        TEPUI_CO_CHECK_OK(decoder.feed(bytes));
        while (const auto record = decoder.next()) {
            if (stopped_) co_return Result<void>{};
            MasterFrameReceived received;
            const Result<void> decoded =
                wire::decode(wire::Media::protobuf, *record, received.frame);
            if (!decoded) co_return fail_with("a frame that is not one of ours", decoded.error());
            callbacks_.event(std::move(received));
        }
    }
}

asio::awaitable<void> MasterLink::wait(Duration delay) {
    timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(delay));
    boost::system::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

}  // namespace tepui::agent
