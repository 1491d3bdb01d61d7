#include "master/agent_links.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "wire/media.h"
#include "wire/recordio.h"

namespace tepui::master {

std::string ip_of_remote(std::string_view remote) {
    const std::size_t colon = remote.rfind(':');
    std::string_view ip = colon == std::string_view::npos ? remote : remote.substr(0, colon);
    if (ip.size() >= 2 && ip.front() == '[' && ip.back() == ']') ip = ip.substr(1, ip.size() - 2);
    return std::string(ip);
}

AgentLinks::AgentLinks(std::function<void(std::vector<Event>)> post,
                       std::shared_ptr<daemon::Log> log)
    : post_(std::move(post)), log_(std::move(log)) {}

void AgentLinks::attach(std::shared_ptr<http::Duplex> connection, asio::any_io_executor io) {
    LinkId id;
    {
        const std::scoped_lock lock(mutex_);
        id = LinkId{++last_id_};
        connections_.emplace(
            id, std::make_shared<Connection>(Connection{asio::make_strand(io), connection}));
    }
    asio::co_spawn(io, read(shared_from_this(), id, std::move(connection)), asio::detached);
}

asio::awaitable<void> AgentLinks::read(std::shared_ptr<AgentLinks> self, LinkId id,
                                       std::shared_ptr<http::Duplex> duplex) {
    Result<void> result;
    try {
        result = co_await self->read_frames(id, duplex);
    } catch (const std::exception& exception) {
        result = fail(Errc::internal, "{}", exception.what());
    }
    if (!result)
        self->log_->warning(fmt::format("the connection of an agent at {} ended: {}",
                                        duplex->remote(), result.error().text));
    duplex->close();
    {
        const std::scoped_lock lock(self->mutex_);
        self->connections_.erase(id);
    }
    self->post_({AgentLinkClosed{id}});
}

asio::awaitable<Result<void>> AgentLinks::read_frames(LinkId id,
                                                      std::shared_ptr<http::Duplex> duplex) {
    const std::string peer_ip = ip_of_remote(duplex->remote());
    wire::RecordDecoder decoder(frame_bytes_max);
    for (;;) {
        TEPUI_CO_ASSIGN(const std::string bytes, co_await duplex->read());
        if (bytes.empty()) co_return Result<void>{};
        TEPUI_CO_CHECK_OK(decoder.feed(bytes));
        std::vector<Event> events;
        Result<void> decoded;
        while (const auto record = decoder.next()) {
            AgentFrameReceived received{id, {}, peer_ip};
            decoded = wire::decode(wire::Media::protobuf, *record, received.frame);
            if (!decoded) break;
            events.emplace_back(std::move(received));
        }
        if (!events.empty()) post_(std::move(events));
        if (!decoded) co_return fail_with("a frame that is not one of ours", decoded.error());
    }
}

void AgentLinks::send(LinkId id, std::shared_ptr<const link::ToAgent> frame) {
    const std::scoped_lock lock(mutex_);
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;  // Its end is on the way to the core.
    if (it->second->waiting.empty()) waiting_.push_back(id);
    it->second->waiting.push_back(std::move(frame));
}

void AgentLinks::flush() {
    std::vector<std::pair<std::shared_ptr<Connection>, Frames>> writes;
    {
        const std::scoped_lock lock(mutex_);
        for (const LinkId id : std::exchange(waiting_, {})) {
            const auto it = connections_.find(id);
            if (it == connections_.end() || it->second->waiting.empty()) continue;
            writes.emplace_back(it->second, std::exchange(it->second->waiting, {}));
        }
    }
    for (auto& [connection, frames] : writes) write(std::move(connection), std::move(frames));
}

void AgentLinks::write(std::shared_ptr<Connection> connection, Frames frames) {
    auto& strand = connection->strand;
    asio::post(strand, [connection = std::move(connection), frames = std::move(frames)] {
        std::string bytes;
        for (const auto& frame : frames)
            bytes += wire::encode_record(wire::encode(wire::Media::protobuf, *frame));
        const bool taken = connection->duplex->push(std::move(bytes));
        // An agent that misses one frame must not get the next: it registers anew.
        if (!taken) connection->duplex->close();
    });
}

void AgentLinks::close(LinkId id) {
    std::shared_ptr<Connection> connection;
    Frames frames;
    {
        const std::scoped_lock lock(mutex_);
        const auto it = connections_.find(id);
        if (it == connections_.end()) return;
        connection = it->second;
        frames = std::exchange(connection->waiting, {});
    }
    if (!frames.empty()) write(connection, std::move(frames));  // A ShutdownAgent still goes out.
    auto& strand = connection->strand;
    asio::post(strand, [connection = std::move(connection)] { connection->duplex->close(); });
}

void AgentLinks::close_all() {
    std::map<LinkId, std::shared_ptr<Connection>> connections;
    {
        const std::scoped_lock lock(mutex_);
        connections = connections_;
    }
    for (const auto& [id, connection] : connections) connection->duplex->close();
}

void AgentLinks::clear() {
    const std::scoped_lock lock(mutex_);
    connections_.clear();
    waiting_.clear();
}

std::size_t AgentLinks::size() const {
    const std::scoped_lock lock(mutex_);
    return connections_.size();
}

}  // namespace tepui::master
