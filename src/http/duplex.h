#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "http/outbox.h"

/// Private to the module.
namespace tepui::http {

using tcp = asio::ip::tcp;

/// Writes an Outbox to a socket. A member of what owns the socket; lives on its strand.
class Pump {
public:
    enum class End : std::uint8_t { finished, overflow, broken };

    /// `done` is called once, on the strand, when nothing more will be written.
    Pump(tcp::socket& socket, std::shared_ptr<Outbox> outbox, Framing framing,
         std::function<void(End)> done)
        : socket_(socket), outbox_(std::move(outbox)), framing_(framing), done_(std::move(done)) {}

    /// Writes what waits, behind `head`; called first to begin and then at each wake. `owner` is
    /// kept as long as a write runs.
    void run(std::shared_ptr<void> owner, std::string_view head = {});
    /// Forgets `done`; a write that runs is the socket's to cancel.
    void stop() { is_stopped_ = true; }

private:
    void on_written(std::shared_ptr<void> owner, bool is_broken);
    void end(End reason);

    tcp::socket& socket_;
    const std::shared_ptr<Outbox> outbox_;
    const Framing framing_;
    std::function<void(End)> done_;
    Batch batch_;
    bool is_writing_ = false;
    bool is_stopped_ = false;
};

/// A Duplex over a TCP socket, whose executor is a strand.
class SocketDuplex final : public Duplex, public std::enable_shared_from_this<SocketDuplex> {
public:
    struct Parts {
        tcp::socket socket;
        std::string read_ahead;  // Came behind the head of the upgrade.
        std::string remote;
        std::shared_ptr<void> keep;     // Kept until closed: a seat in a server's count.
        std::shared_ptr<void> context;  // Kept to the end: the io_context of the socket.
    };
    /// Ready for use; begins to write what is pushed.
    static std::shared_ptr<SocketDuplex> make(Parts parts);
    explicit SocketDuplex(Parts parts);
    ~SocketDuplex() override;

    asio::awaitable<Result<std::string>> read() override;
    using Duplex::push;
    bool push(std::shared_ptr<const std::string> bytes) override {
        return outbox_->push(std::move(bytes));
    }
    void close() override;
    std::string remote() const override { return remote_; }

private:
    void begin();
    asio::awaitable<Result<std::string>> read_here();
    void close_here();

    std::shared_ptr<void> context_;  // First, so that it goes last.
    tcp::socket socket_;
    std::string read_ahead_;
    const std::string remote_;
    std::shared_ptr<void> keep_;
    const std::shared_ptr<Outbox> outbox_;
    Pump pump_;
    std::unique_ptr<char[]> buffer_;
    std::size_t buffer_bytes_ = 0;
};

/// What async_write asks a socket to take at once.
constexpr std::size_t write_bytes_max = std::size_t{1} << 20;

}  // namespace tepui::http
