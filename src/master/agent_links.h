#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/strand.hpp>

#include "daemon/log.h"
#include "http/message.h"
#include "master/core/event.h"

namespace tepui::master {

namespace asio = boost::asio;

/// The connections of agents: RecordIO frames of link::ToMaster come in, link::ToAgent go out.
/// Frames are decoded and encoded on I/O threads. Any thread.
class AgentLinks : public std::enable_shared_from_this<AgentLinks> {
public:
    /// What may wait for an agent that does not read before its connection is closed is the
    /// connection's own limit (http::Duplex).
    static constexpr std::size_t frame_bytes_max = std::size_t{256} << 20;

    /// `post` takes the events of all links in order; it is called from I/O threads.
    AgentLinks(std::function<void(std::vector<Event>)> post, std::shared_ptr<daemon::Log> log);

    /// Takes a connection over and reads it until it ends or a frame is not one of ours.
    void attach(std::shared_ptr<http::Duplex> connection, asio::any_io_executor io);
    /// Frames go out with the next flush(), those of one link in one piece.
    void send(LinkId id, std::shared_ptr<const link::ToAgent> frame);
    void flush();
    /// After what was sent.
    void close(LinkId id);
    void close_all();
    /// Forgets every connection. Due before the executors given to attach() go: a connection holds
    /// a strand of one.
    void clear();
    std::size_t size() const;

private:
    using Frames = std::vector<std::shared_ptr<const link::ToAgent>>;
    struct Connection {
        asio::strand<asio::any_io_executor> strand;  // Keeps the frames' order while encoding.
        std::shared_ptr<http::Duplex> duplex;
        Frames waiting{};  // For flush().
    };

    static asio::awaitable<void> read(std::shared_ptr<AgentLinks> self, LinkId id,
                                      std::shared_ptr<http::Duplex> duplex);
    asio::awaitable<Result<void>> read_frames(LinkId id, std::shared_ptr<http::Duplex> duplex);
    static void write(std::shared_ptr<Connection> connection, Frames frames);

    const std::function<void(std::vector<Event>)> post_;
    const std::shared_ptr<daemon::Log> log_;
    mutable std::mutex mutex_;
    std::map<LinkId, std::shared_ptr<Connection>> connections_;
    std::vector<LinkId> waiting_;  // Links with frames for flush().
    std::uint64_t last_id_ = 0;
};

/// The address in "ip:port" or "[ip]:port".
std::string ip_of_remote(std::string_view remote);

}  // namespace tepui::master
