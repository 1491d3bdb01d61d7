#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <google/protobuf/message.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/strand.hpp>

#include "http/message.h"
#include "wire/media.h"

namespace tepui::daemon {

namespace asio = boost::asio;

/// Open event streams of clients, each with a key of the caller's. An event is encoded off the
/// caller's thread, on the stream's own strand, and goes out as one RecordIO record in one HTTP
/// chunk, because clients count on both (client rule 2). Any thread.
class EventStreams {
public:
    using Event = std::shared_ptr<const google::protobuf::Message>;

    /// `backlog_bytes_max`: what may wait for a slow client before it is cut off.
    explicit EventStreams(std::size_t backlog_bytes_max) : backlog_bytes_max_(backlog_bytes_max) {}

    /// Makes the body of a subscription's 200. A key is used once.
    std::shared_ptr<http::BodyStream> open(const std::string& key, wire::Media media,
                                           asio::any_io_executor io);
    /// Events go out with the next flush(). Those for a stream that is not open are dropped: its
    /// end is on the way to the core.
    void send(const std::string& key, Event event);
    void flush();
    /// Ends the body after what was sent.
    void close(const std::string& key);
    /// Forgets a stream that ended.
    void remove(const std::string& key);
    /// Forgets every stream. Due before the executors given to open() go: a stream holds a strand
    /// of one.
    void clear();
    std::size_t size() const;

private:
    using Events = std::vector<Event>;
    struct Stream {
        asio::strand<asio::any_io_executor> strand;  // Keeps the events' order while encoding.
        wire::Media media;
        std::shared_ptr<http::BodyStream> body;
        Events waiting{};  // For flush().
    };

    static void write(std::shared_ptr<Stream> stream, Events events);

    const std::size_t backlog_bytes_max_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Stream>> streams_;
    std::vector<std::string> waiting_;  // Streams with events for flush().
};

}  // namespace tepui::daemon
