#pragma once

#include <memory>

#include "base/ids.h"
#include "daemon/event_streams.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::master {

namespace asio = boost::asio;

/// The open event streams of schedulers, by the Mesos-Stream-Id they were given. Any thread.
class SchedulerStreams final {
public:
    /// What may wait for a slow scheduler before it is cut off. One OFFERS event of a cluster of
    /// 10,000 agents has some 20 MB as JSON.
    static constexpr std::size_t backlog_bytes_max = std::size_t{128} << 20;

    /// As of daemon::EventStreams.
    std::shared_ptr<http::BodyStream> open(const StreamId& id, wire::Media media,
                                           asio::any_io_executor io) {
        return streams_.open(id.value, media, std::move(io));
    }
    void send(const StreamId& id, std::shared_ptr<const mesos::v1::scheduler::Event> event) {
        streams_.send(id.value, std::move(event));
    }
    void flush() { streams_.flush(); }
    void close(const StreamId& id) { streams_.close(id.value); }
    void remove(const StreamId& id) { streams_.remove(id.value); }
    void clear() { streams_.clear(); }
    std::size_t size() const { return streams_.size(); }

private:
    daemon::EventStreams streams_{backlog_bytes_max};
};

}  // namespace tepui::master
