#pragma once

#include <memory>
#include <variant>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "agent/core/check_probe.h"

namespace tepui::agent {

namespace asio = boost::asio;

/// What all HTTPS probes share: a context that verifies nothing.
class ProbeTls;
std::shared_ptr<ProbeTls> make_probe_tls();

/// One HTTP or TCP probe: sockets of this process alone, nothing that blocks. Everything runs on
/// the executor given, which has one thread.
class NetworkProbe {
public:
    virtual ~NetworkProbe() = default;
    /// The whole look; ends at `timeout` at the latest. Once.
    virtual asio::awaitable<ProbeResult> run() = 0;
    /// Makes run() end soon, with any result.
    virtual void cancel() = 0;
};

/// Where a probe looks from.
struct ProbePlace {
    asio::any_io_executor executor;
    std::int64_t network_of = 0;  // As in StartProbe. Where that can't be entered (it takes root),
                                  // the target's address is looked at from here.
};

std::shared_ptr<NetworkProbe> make_network_probe(const ProbePlace& place,
                                                 std::shared_ptr<ProbeTls> tls, HttpProbe target,
                                                 Duration timeout);
std::shared_ptr<NetworkProbe> make_network_probe(const ProbePlace& place, TcpProbe target,
                                                 Duration timeout);

}  // namespace tepui::agent
