#include "master/operator_streams_testing.h"

#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace tepui::master {

TestReader::TestReader(TestIo& io, std::uint16_t port, const std::string& query, wire::Media media,
                       bool reads)
    : io_(io), client_(io, port), media_(media) {
    http::ClientRequest request =
        client_.make("POST", "/api/v1" + query, R"({"type":"SUBSCRIBE"})");
    request.headers.set("Content-Type", "application/json");
    request.headers.set("Accept", std::string(to_string(media)));
    auto stream = io.run(client_.client().open(std::move(request)));
    if (!stream) throw std::runtime_error(stream.error().text);
    stream_ = std::move(*stream);
    EXPECT_EQ(stream_->status(), 200U);
    EXPECT_EQ(stream_->headers().find("Content-Type"), to_string(media));
    EXPECT_FALSE(stream_->headers().contains("Mesos-Stream-Id"));
    if (reads) asio::co_spawn(io.context(), pump_records(stream_, records_), asio::detached);
}

std::optional<std::string> TestReader::next_bytes(bool heartbeats) {
    while (auto bytes = records_->next()) {
        if (heartbeats || decode(*bytes).type() != mesos::v1::master::Event::HEARTBEAT)
            return bytes;
    }
    return std::nullopt;
}

mesos::v1::master::Event TestReader::next(bool heartbeats) {
    const auto bytes = next_bytes(heartbeats);
    if (!bytes) throw std::runtime_error("the event stream ended");
    return decode(*bytes);
}

mesos::v1::master::Event TestReader::decode(const std::string& bytes) const {
    mesos::v1::master::Event event;
    const auto decoded = wire::decode(media_, bytes, event);
    EXPECT_TRUE(decoded) << bytes;
    return event;
}

bool TestReader::ended() {
    while (records_->next()) {
    }
    return true;
}

void TestReader::leave() {
    if (!stream_) return;
    asio::post(io_.context(), [stream = std::move(stream_)] { stream->close(); });
    stream_.reset();
}

}  // namespace tepui::master
