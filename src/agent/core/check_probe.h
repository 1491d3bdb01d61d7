#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/ids.h"
#include "base/time.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::agent {

// One look at a running task, as the core asks for it and as it is answered.

/// Unique within one life of the agent.
struct ProbeId {
    std::uint64_t value = 0;
    auto operator<=>(const ProbeId&) const = default;
};

/// Runs in the task's container: its namespaces, cgroups, user, directory and environment, with the
/// command's own variables on top. Answered with the exit status.
struct CommandProbe {
    mesos::v1::CommandInfo command;
};
/// GET scheme://127.0.0.1:port/path in the task's own network, redirects followed, certificates not
/// verified. Answered with the status of the last response.
struct HttpProbe {
    std::string scheme = "http";
    std::uint16_t port = 0;
    std::string path = "/";
    bool ipv6 = false;         // [::1] instead.
    std::string address = {};  // Of a container with a network of its own, where it does not listen
                               // at the loopback address.
    bool operator==(const HttpProbe&) const = default;
};
/// A connection to 127.0.0.1:port. Answered with 1 or 0: made or refused.
struct TcpProbe {
    std::uint16_t port = 0;
    bool ipv6 = false;
    std::string address = {};  // As in HttpProbe.
    bool operator==(const TcpProbe&) const = default;
};
using ProbeTarget = std::variant<CommandProbe, HttpProbe, TcpProbe>;

struct ProbeResult {
    enum class Outcome : std::uint8_t {
        answered,
        timed_out,
        failed,  // No answer to speak of: no HTTP response, no process; `why` tells.
    };
    Outcome outcome = Outcome::failed;
    std::int32_t value = 0;  // Of an answer: exit code, HTTP status, or whether it connected.
    std::string why = {};    // For the log.
    bool operator==(const ProbeResult&) const = default;
};

/// Begins a probe; answered by one ProbeEnded at the latest when `timeout` is over and what the
/// probe had started is gone.
struct StartProbe {
    ProbeId probe;
    ContainerId container;
    ProbeTarget target;
    Duration timeout{};
    std::int64_t network_of = 0;  // A process in whose network HTTP and TCP probes look; 0: here.
};
/// Ends every probe of a container; their answers are not waited for.
struct StopProbes {
    ContainerId container;
};

/// The answer to StartProbe.
struct ProbeEnded {
    ProbeId probe;
    ContainerId container;
    ProbeResult result;
};

}  // namespace tepui::agent
