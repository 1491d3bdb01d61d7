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
    auto stream = find(id);
    if (!stream) return;
    auto& strand = stream->strand;
    asio::post(strand, [stream = std::move(stream), event = std::move(event)] {
        stream->body->push(wire::encode_record(wire::encode(stream->media, *event)));
    });
}

void SchedulerStreams::close(const StreamId& id) {
    auto stream = find(id);
    if (!stream) return;
    auto& strand = stream->strand;
    asio::post(strand, [stream = std::move(stream)] { stream->body->finish(); });
}

void SchedulerStreams::remove(const StreamId& id) {
    const std::scoped_lock lock(mutex_);
    streams_.erase(id);
}

std::size_t SchedulerStreams::size() const {
    const std::scoped_lock lock(mutex_);
    return streams_.size();
}

std::shared_ptr<SchedulerStreams::Stream> SchedulerStreams::find(const StreamId& id) const {
    const std::scoped_lock lock(mutex_);
    const auto it = streams_.find(id);
    return it == streams_.end() ? nullptr : it->second;
}

}  // namespace tepui::master
