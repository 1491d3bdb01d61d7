#include "cli/client/event_stream.h"

#include <algorithm>

#include <fmt/core.h>

#include "tepui/operator.pb.h"
#include "wire/json.h"
#include "wire/media.h"

namespace tepui::cli {

namespace {

/// Mesos: a client gives a stream up after five heartbeats that did not come.
constexpr double missed_heartbeats_max = 5;

/// The snapshot of a large cluster is one record.
constexpr std::size_t snapshot_bytes_max = std::size_t{1} << 30;

http::ClientRequest subscribe_request(const std::string& target) {
    http::ClientRequest request;
    request.method = "POST";
    request.url.target = target;
    request.headers = {{"Content-Type", std::string(wire::media_json)},
                       {"Accept", std::string(wire::media_json)}};
    request.body = R"({"type":"SUBSCRIBE"})";
    request.deadline = 30s;
    return request;
}

}  // namespace

Duration reconnect_pause(unsigned failures) {
    constexpr Duration pause_max = 15s;
    return failures >= 4 ? pause_max : Duration(1s) * (1U << failures);
}

bool is_passing(const Error& error) {
    return error.code == Errc::io || error.code == Errc::timeout ||
           error.code == Errc::unavailable || error.code == Errc::not_leader ||
           error.code == Errc::corrupt;
}

void EventPosition::advance(std::string_view json) {
    operator_api::SequencedEvent place;
    const wire::JsonLimits limits{.bytes_max = snapshot_bytes_max};
    if (!wire::json_to_message(json, place, limits)) return;
    if (place.has_master_id()) master = place.master_id();
    if (place.has_sequence()) sequence = place.sequence();
}

std::string EventPosition::target() const {
    if (master.empty()) return "/api/v1?sequence=1";
    return fmt::format("/api/v1?after={}&master={}", sequence, http::percent_encode(master));
}

asio::awaitable<Result<void>> EventFollower::run() {
    const auto executor = co_await asio::this_coro::executor;
    silence_ = std::make_unique<asio::steady_timer>(executor);
    pause_ = std::make_unique<asio::steady_timer>(executor);
    bool ever = false;
    for (unsigned failures = 0; !stopped_;) {
        had_record_ = false;
        auto followed = co_await follow_once();
        silence_->cancel();
        if (stream_) stream_->close();
        stream_.reset();
        if (stopped_) break;
        ever = ever || had_record_;
        if (had_record_) failures = 0;
        const Error error = followed ? Error{Errc::io, "the master ended it"} : followed.error();
        if (!ever || !is_passing(error)) co_return std::unexpected(error);
        const Duration pause = reconnect_pause(failures++);
        say_(fmt::format("the event stream broke: {}; trying again in {}", error.text,
                         format_duration(pause)));
        pause_->expires_after(pause);
        boost::system::error_code ignored;
        co_await pause_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return Result<void>{};
}

void EventFollower::stop() {
    stopped_ = true;
    if (stream_) stream_->close();
    if (silence_) silence_->cancel();
    if (pause_) pause_->cancel();
}

void EventFollower::watch() {
    silence_->expires_after(silence_max_);
    silence_->async_wait([this](boost::system::error_code error) {
        if (error || !stream_) return;
        silent_ = true;
        stream_->close();
    });
}

asio::awaitable<Result<void>> EventFollower::follow_once() {
    auto request = subscribe_request(position_.target());
    auto opened = co_await master_.open(std::move(request));
    if (!opened) co_return std::unexpected(opened.error());
    if (stopped_) co_return Result<void>{};
    stream_ = std::move(*opened);
    silent_ = false;
    wire::RecordDecoder decoder(snapshot_bytes_max);
    const std::shared_ptr<http::ClientStream> stream = stream_;
    for (;;) {
        watch();
        auto bytes = co_await stream->read();
        if (stopped_) co_return Result<void>{};
        if (silent_) {
            co_return fail(Errc::timeout, "the master was silent for {}",
                           format_duration(silence_max_));
        }
        if (!bytes) co_return std::unexpected(bytes.error());
        if (bytes->empty()) co_return Result<void>{};
        const auto go_on = take(*bytes, decoder);
        if (!go_on) co_return std::unexpected(go_on.error());
        if (!*go_on) stopped_ = true;
        if (stopped_) co_return Result<void>{};
    }
}

Result<bool> EventFollower::take(std::string_view bytes, wire::RecordDecoder& decoder) {
    const wire::JsonLimits limits{.bytes_max = snapshot_bytes_max};
    const auto fed = decoder.feed(bytes);
    while (auto record = decoder.next()) {
        EventRecord taken{std::move(*record), {}};
        const auto decoded = wire::json_to_message(taken.json, taken.event, limits);
        if (!decoded) {
            return fail(Errc::corrupt, "an event that is none: {}", decoded.error().text);
        }
        had_record_ = true;
        position_.advance(taken.json);
        if (taken.event.type() == mesos::v1::master::Event::SUBSCRIBED) {
            const double interval = taken.event.subscribed().heartbeat_interval_seconds();
            if (interval > 0) {
                silence_max_ = duration_from_seconds(interval * missed_heartbeats_max);
            }
        }
        if (!on_event_(taken)) return false;
    }
    if (!fed) return fail(Errc::corrupt, "the event stream is garbled: {}", fed.error().text);
    return true;
}

}  // namespace tepui::cli
