#include "daemon/event_streams.h"

#include <boost/asio/post.hpp>

#include "wire/recordio.h"

namespace tepui::daemon {

std::shared_ptr<http::BodyStream> EventStreams::open(const std::string& key, wire::Media media,
                                                     asio::any_io_executor io) {
    auto body = http::make_body_stream(backlog_bytes_max_);
    auto stream = std::make_shared<Stream>(Stream{asio::make_strand(std::move(io)), media, body});
    const std::scoped_lock lock(mutex_);
    streams_.insert_or_assign(key, std::move(stream));
    return body;
}

void EventStreams::send(const std::string& key, Event event) {
    const std::scoped_lock lock(mutex_);
    const auto it = streams_.find(key);
    if (it == streams_.end()) return;
    if (it->second->waiting.empty()) waiting_.push_back(key);
    it->second->waiting.push_back(std::move(event));
}

void EventStreams::flush() {
    std::vector<std::pair<std::shared_ptr<Stream>, Events>> writes;
    {
        const std::scoped_lock lock(mutex_);
        for (const std::string& key : std::exchange(waiting_, {})) {
            const auto it = streams_.find(key);
            if (it == streams_.end() || it->second->waiting.empty()) continue;
            writes.emplace_back(it->second, std::exchange(it->second->waiting, {}));
        }
    }
    for (auto& [stream, events] : writes) write(std::move(stream), std::move(events));
}

void EventStreams::write(std::shared_ptr<Stream> stream, Events events) {
    auto& strand = stream->strand;
    asio::post(strand, [stream = std::move(stream), events = std::move(events)] {
        for (const auto& event : events)
            stream->body->push(wire::encode_record(wire::encode(stream->media, *event)));
    });
}

void EventStreams::close(const std::string& key) {
    std::shared_ptr<Stream> stream;
    Events events;
    {
        const std::scoped_lock lock(mutex_);
        const auto it = streams_.find(key);
        if (it == streams_.end()) return;
        stream = it->second;
        events = std::exchange(stream->waiting, {});
    }
    if (!events.empty()) write(stream, std::move(events));
    auto& strand = stream->strand;
    asio::post(strand, [stream = std::move(stream)] { stream->body->finish(); });
}

void EventStreams::remove(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    streams_.erase(key);
}

void EventStreams::clear() {
    const std::scoped_lock lock(mutex_);
    streams_.clear();
    waiting_.clear();
}

std::size_t EventStreams::size() const {
    const std::scoped_lock lock(mutex_);
    return streams_.size();
}

}  // namespace tepui::daemon
