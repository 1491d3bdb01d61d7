#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "http/client.h"
#include "tepui/link.pb.h"

namespace tepui::bench {

namespace asio = boost::asio;

/// Agents without containers: many on each connection, told apart by the frames' channel. A task
/// runs as soon as it comes and, unless tasks stay, finishes as soon as its RUNNING is
/// acknowledged; one named `ending_task` finishes in any case. A connection that breaks ends the
/// run as failed, or, if the agents come back, is made again, over which each registers with the
/// tasks it has. What was in flight is not said again. One thread.
class SimulatedAgents {
public:
    struct Settings {
        http::Url master;
        unsigned agents = 1'000;
        unsigned connections = 8;
        double cpus = 10;  // Of each agent.
        double mem_mb = 10'000;
        bool tasks_stay = false;
        bool come_back = false;
    };
    class Link;
    /// A task on one of the agents.
    struct TaskRef {
        Link* link = nullptr;
        std::string agent;
        mesos::v1::FrameworkID framework;
        mesos::v1::TaskID task;
    };
    struct Handlers {
        std::function<void()> ready;  // All are registered; again, when all came back.
        std::function<void(Error)> failed;
        /// An update of the task was acknowledged; if set, tasks say nothing more by themselves.
        std::function<void(TaskRef)> acknowledged = {};
    };
    /// The name of tasks that finish though others stay.
    static constexpr std::string_view ending_task = "ends";

    SimulatedAgents(asio::io_context& io, Settings settings, Handlers handlers);
    ~SimulatedAgents();
    void start();
    /// Says once more that the task runs; on its way with the next flush().
    static void update(const TaskRef& task);
    /// Says that the task finished; likewise.
    static void finish(const TaskRef& task);
    void flush();

private:
    asio::io_context& io_;
    const Settings settings_;
    const Handlers handlers_;
    std::vector<std::unique_ptr<Link>> links_;
    unsigned registered_ = 0;
};

}  // namespace tepui::bench
