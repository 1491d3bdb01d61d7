#include "master/scheduler_streams.h"

#include <boost/asio/post.hpp>

#include "wire/recordio.h"

namespace tepui::master {

std::shared_ptr<http::BodyStream> SchedulerStreams::open(const StreamId& id, wire::Media media,
                                                         asio::any_io_executor io) {
    auto body = http::make_body_stream(backlog_bytes_max);
    auto stream = std::make_shared<Stream>(Stream{asio::make_strand(std::move(io)), media, body});
    const std::scoped_lock lock(mutex_);
    streams_.insert_or_assign(id, std::move(stream));
    return body;
}

void SchedulerStreams::send(const StreamId& id,
                            std::shared_ptr<const mesos::v1::scheduler::Event> event) {
    const std::scoped_lock lock(mutex_);
    const auto it = streams_.find(id);
    if (it == streams_.end()) return;
    if (it->second->waiting.empty()) waiting_.push_back(id);
    it->second->waiting.push_back(std::move(event));
}

void SchedulerStreams::flush() {
    std::vector<std::pair<std::shared_ptr<Stream>, Events>> writes;
    {
        const std::scoped_lock lock(mutex_);
        for (const StreamId& id : std::exchange(waiting_, {})) {
            const auto it = streams_.find(id);
            if (it == streams_.end() || it->second->waiting.empty()) continue;
            writes.emplace_back(it->second, std::exchange(it->second->waiting, {}));
        }
    }
    for (auto& [stream, events] : writes) write(std::move(stream), std::move(events));
}

void SchedulerStreams::write(std::shared_ptr<Stream> stream, Events events) {
    auto& strand = stream->strand;
    asio::post(strand, [stream = std::move(stream), events = std::move(events)] {
        for (const auto& event : events)
            stream->body->push(wire::encode_record(wire::encode(stream->media, *event)));
    });
}

void SchedulerStreams::close(const StreamId& id) {
    std::shared_ptr<Stream> stream;
    Events events;
    {
        const std::scoped_lock lock(mutex_);
        const auto it = streams_.find(id);
        if (it == streams_.end()) return;
        stream = it->second;
        events = std::exchange(stream->waiting, {});
    }
    if (!events.empty()) write(stream, std::move(events));
    auto& strand = stream->strand;
    asio::post(strand, [stream = std::move(stream)] { stream->body->finish(); });
}

void SchedulerStreams::remove(const StreamId& id) {
    const std::scoped_lock lock(mutex_);
    streams_.erase(id);
}

void SchedulerStreams::clear() {
    const std::scoped_lock lock(mutex_);
    streams_.clear();
    waiting_.clear();
}

std::size_t SchedulerStreams::size() const {
    const std::scoped_lock lock(mutex_);
    return streams_.size();
}

}  // namespace tepui::master
