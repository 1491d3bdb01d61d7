#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agent/core/event.h"
#include "agent/master_detector.h"
#include "base/prng.h"
#include "http/client.h"

namespace tepui::agent {

namespace asio = boost::asio;

/// The agent's end of the connection to the leading master: an HTTP upgrade to `tepui-agent-link`,
/// then RecordIO frames of link.proto both ways. Connects again for ever, after a random part of a
/// delay that doubles from 100 ms to 10 s. Everything on one executor, which runs on one thread.
class MasterLink : public std::enable_shared_from_this<MasterLink> {
public:
    static constexpr std::string_view path = "/tepui/agent-link";
    static constexpr std::string_view protocol = "tepui-agent-link";
    static constexpr std::size_t frame_bytes_max = std::size_t{256} << 20;

    struct Callbacks {
        std::function<void(Event)>
            event;  // MasterConnected, MasterFrameReceived, MasterDisconnected.
        std::function<void(std::string)> warn;
    };

    MasterLink(asio::any_io_executor executor, std::unique_ptr<MasterDetector> detector,
               Callbacks callbacks, std::uint64_t seed);

    void start();
    /// No callback comes after it.
    void stop();
    /// Dropped when not connected: the core says it again.
    void send(const link::ToMaster& frame);
    /// Leaves this master for the one the detector names next.
    void reconnect();

private:
    static asio::awaitable<void> run(std::shared_ptr<MasterLink> self);
    asio::awaitable<Result<void>> serve_one();
    asio::awaitable<void> follow_redirect(http::Url url);
    asio::awaitable<Result<void>> read_frames(std::shared_ptr<http::Duplex> duplex);
    asio::awaitable<void> wait(Duration delay);

    const asio::any_io_executor executor_;
    const std::unique_ptr<MasterDetector> detector_;
    const Callbacks callbacks_;
    http::Client client_;
    asio::steady_timer timer_;
    Prng prng_;
    std::shared_ptr<http::Duplex> duplex_;
    bool was_connected_ = false;
    bool stopped_ = false;
};

}  // namespace tepui::agent
