#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "http/client.h"
#include "tepui/link.pb.h"

namespace tepui::bench {

namespace asio = boost::asio;

/// Agents without containers: many on each connection, told apart by the frames' channel. A task
/// runs as soon as it comes and, unless tasks stay, finishes as soon as its RUNNING is
/// acknowledged. Nothing is said twice, since a connection that breaks ends the run as failed. One
/// thread.
class SimulatedAgents {
public:
    struct Settings {
        http::Url master;
        unsigned agents = 1'000;
        unsigned connections = 8;
        double cpus = 10;  // Of each agent.
        double mem_mb = 10'000;
        bool tasks_stay = false;
    };
    struct Handlers {
        std::function<void()> ready;  // All are registered.
        std::function<void(Error)> failed;
    };

    SimulatedAgents(asio::io_context& io, Settings settings, Handlers handlers);
    ~SimulatedAgents();
    void start();

private:
    class Link;

    asio::io_context& io_;
    const Settings settings_;
    const Handlers handlers_;
    std::vector<std::unique_ptr<Link>> links_;
    unsigned registered_ = 0;
};

}  // namespace tepui::bench
