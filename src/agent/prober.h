#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "agent/core/check_probe.h"
#include "agent/probe_network.h"

namespace tepui::agent {

/// Performs the probes of checks: HTTP and TCP on one thread of its own, commands by who can run
/// them. So many at a time; the others wait, and their timeouts begin when they do.
class Prober {
public:
    using Done = std::function<void(ProbeResult)>;
    struct Commands {
        /// Runs a command in a container; `done` comes on any thread.
        std::function<void(const StartProbe&, Done done)> run;
        std::function<void(const ContainerId&)> cancel;
    };
    /// Each is one descriptor of this process.
    static constexpr std::size_t running_max_default = 512;

    explicit Prober(Commands commands, std::size_t running_max = running_max_default);
    ~Prober();  // Stops.
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    /// Any thread. `done` comes once, on the prober's thread, unless the probe is cancelled.
    void start(StartProbe probe, Done done);
    /// Ends the container's probes; their `done` is not called any more, but for those that are
    /// answered just now. Any thread.
    void cancel(const ContainerId& container);
    /// Ends the thread; nothing is called any more. Idempotent, not from the thread itself.
    void stop();

private:
    struct Item {
        StartProbe probe;
        Done done;
        std::shared_ptr<NetworkProbe> network;  // Of a running one that is no command.
    };

    void begin_waiting();
    void begin(Item& item);
    void run_network(ProbeId id, std::shared_ptr<NetworkProbe> network);
    void finish(ProbeId id, const ProbeResult& result);
    void tell_ended();
    void cancel_here(const ContainerId& container);

    const Commands commands_;
    const std::size_t running_max_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    std::shared_ptr<ProbeTls> tls_;
    // Ids grow, so the order of waiting is theirs.
    std::map<ProbeId, Item> waiting_;
    std::map<ProbeId, Item> running_;
    std::map<ContainerId, std::set<ProbeId>> of_container_;
    std::vector<std::pair<Done, ProbeResult>> ended_;  // Not told yet.
    std::thread thread_;
};

/// What a wait(2) status says: the exit code, or 128 and the signal, as shells count.
ProbeResult result_of_status(std::int32_t wait_status);

}  // namespace tepui::agent
