#pragma once

#include <atomic>
#include <memory>

#include <fmt/format.h>

#include "daemon/event_streams.h"
#include "mesos/v1/executor/executor.pb.h"

namespace tepui::agent {

/// The open event streams of custom executors, by connection. Any thread.
class ExecutorStreams final {
public:
    /// What may wait for a slow executor before it is cut off: some thousand tasks' descriptions.
    static constexpr std::size_t backlog_bytes_max = std::size_t{32} << 20;

    /// Names a connection that is about to be opened.
    std::uint64_t next_connection() { return next_.fetch_add(1); }
    std::shared_ptr<http::BodyStream> open(std::uint64_t connection, wire::Media media,
                                           boost::asio::any_io_executor io) {
        return streams_.open(fmt::to_string(connection), media, std::move(io));
    }
    void send(std::uint64_t connection, std::shared_ptr<const mesos::v1::executor::Event> event) {
        streams_.send(fmt::to_string(connection), std::move(event));
        streams_.flush();
    }
    void close(std::uint64_t connection) { streams_.close(fmt::to_string(connection)); }
    void remove(std::uint64_t connection) { streams_.remove(fmt::to_string(connection)); }
    void clear() { streams_.clear(); }
    std::size_t size() const { return streams_.size(); }

private:
    daemon::EventStreams streams_{backlog_bytes_max};
    std::atomic<std::uint64_t> next_{1};
};

}  // namespace tepui::agent
