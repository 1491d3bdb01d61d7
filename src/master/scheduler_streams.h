#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/strand.hpp>

#include "base/ids.h"
#include "http/message.h"
#include "mesos/v1/scheduler/scheduler.pb.h"
#include "wire/media.h"

namespace tepui::master {

namespace asio = boost::asio;

/// The open event streams of schedulers. An event is encoded off the caller's thread, on the
/// stream's own strand, and goes out as one RecordIO record in one HTTP chunk, because clients
/// count on both (client rule 2). Any thread.
class SchedulerStreams {
public:
    /// What may wait for a slow scheduler before it is cut off. One OFFERS event of a cluster of
    /// 10,000 agents has some 20 MB as JSON.
    static constexpr std::size_t backlog_bytes_max = std::size_t{128} << 20;

    /// Makes the body of a subscription's 200.
    std::shared_ptr<http::BodyStream> open(const StreamId& id, wire::Media media,
                                           asio::any_io_executor io);
    /// Events go out with the next flush(). Those for a stream that is not open are dropped: its
    /// end is on the way to the core.
    void send(const StreamId& id, std::shared_ptr<const mesos::v1::scheduler::Event> event);
    /// Ends the body after what was sent.
    void flush();
    void close(const StreamId& id);
    /// Forgets a stream that ended.
    void remove(const StreamId& id);
    /// Forgets every stream. Due before the executors given to open() go: a stream holds a strand
    /// of one.
    void clear();
    std::size_t size() const;

private:
    using Events = std::vector<std::shared_ptr<const mesos::v1::scheduler::Event>>;
    struct Stream {
        asio::strand<asio::any_io_executor> strand;  // Keeps the events' order while encoding.
        wire::Media media;
        std::shared_ptr<http::BodyStream> body;
        Events waiting{};  // For flush().
    };

    static void write(std::shared_ptr<Stream> stream, Events events);

    mutable std::mutex mutex_;
    std::unordered_map<StreamId, std::shared_ptr<Stream>> streams_;
    std::vector<StreamId> waiting_;  // Streams with events for flush().
};

}  // namespace tepui::master
