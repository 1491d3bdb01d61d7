#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "agent/container_io.h"

namespace tepui::agent {

/// The stdio of one session, or one attachment to a container. But for making it and on_end() all
/// is of the thread of ContainerIo.
class ContainerIo::Channel final : public std::enable_shared_from_this<Channel> {
public:
    static std::shared_ptr<Channel> make_session(asio::io_context& context,
                                                 containerizer::SessionPipes pipes);
    static std::shared_ptr<Channel> make_attachment(asio::io_context& context,
                                                    containerizer::Descriptor socket);
    explicit Channel(asio::io_context& context);

    bool is_attachment() const { return attachment_; }
    /// Before anything is read or closed: called once at its end.
    void on_end(std::function<void()> ended) { ended_ = std::move(ended); }

    /// The first begins the reading. One that comes after the end hears just that.
    void add_listener(std::shared_ptr<http::BodyStream> stream, wire::Media media);
    void beat(Duration interval);
    asio::awaitable<Result<void>> put(mesos::v1::agent::ProcessIO io);
    /// Ends the listeners' streams; the descriptors are closed.
    void close();

private:
    using Stream = mesos::v1::agent::ProcessIO::Data::Type;
    using File = asio::posix::stream_descriptor;
    struct Listener {
        std::shared_ptr<http::BodyStream> stream;
        wire::Media media;
    };
    /// What the pacing listener has not taken yet.
    struct Backlog {
        explicit Backlog(asio::io_context& context) : emptied(context) {}
        std::atomic<std::size_t> bytes = 0;
        asio::steady_timer emptied;
    };

    static asio::awaitable<void> pump(std::shared_ptr<Channel> self, File& from, Stream stream);
    asio::awaitable<void> wait_for_room();
    void publish(Stream stream, std::string_view bytes);
    void send(const mesos::v1::agent::ProcessIO& message);
    std::shared_ptr<const std::string> counted(std::string record);
    asio::awaitable<Result<void>> write_input(std::string bytes);
    asio::awaitable<Result<void>> end_input();
    asio::awaitable<Result<void>> resize(std::uint16_t rows, std::uint16_t columns);
    asio::awaitable<Result<void>> send_packet(std::string packet);

    asio::io_context& context_;
    bool attachment_ = false;
    bool terminal_ = false;
    std::function<void(std::uint16_t, std::uint16_t)> resize_;  // Of a terminal elsewhere.
    File input_;  // Of an attachment the same socket as output_.
    File output_;
    File errors_;
    int pumps_ = 0;  // That run.
    bool reading_ = false;
    bool ended_already_ = false;
    std::vector<Listener> listeners_;
    const std::shared_ptr<Backlog> backlog_;
    std::function<void()> ended_;
};

}  // namespace tepui::agent
