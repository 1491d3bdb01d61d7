#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "bench/load/figures.h"
#include "bench/load/floor.h"
#include "bench/load/scheduler.h"

namespace tepui::bench {

/// One task at a time on an idle agent, in turn with runs of the floor, so that both see the same
/// machine. Both come after a rest: the first process that joins a cgroup v1 after a while waits
/// for the kernel's readers to end (milliseconds), those right behind it do not, and neither side
/// may gain by the other's wait. A start is timed from the ACCEPT to the arrival of TASK_RUNNING;
/// the stamp that the agent puts on the update splits it.
class StartLoad {
public:
    struct Settings {
        http::Url master;
        std::size_t tasks = 200;
        TaskShape shape;
    };

    StartLoad(asio::io_context& io, Settings settings, Floor floor);
    void start() { scheduler_.start(); }
    /// After the io_context was stopped: what was found, or why it failed.
    Result<Figures> figures() const;

private:
    struct Samples {
        std::vector<double> start, to_running, to_scheduler;
        std::vector<double> floor_exec, floor_wait;
    };

    void on_event(const mesos::v1::scheduler::Event& event);
    void on_status(const mesos::v1::TaskStatus& status);
    void on_running(const mesos::v1::TaskStatus& status);
    void rest();
    void rested();
    void run_floor();
    void launch();
    void fail_with(Error error);

    asio::io_context& io_;
    const Settings settings_;
    Floor floor_;
    Scheduler scheduler_;
    asio::steady_timer timer_;
    std::vector<mesos::v1::Offer> offers_;  // Held; all are of the one agent.
    bool is_resting_ = false;
    bool is_floor_next_ = true;
    bool is_running_ = false;  // From the ACCEPT to the end.
    std::uint64_t launched_ = 0;
    SteadyClock::time_point accepted_;
    double accepted_wall_ = 0;  // Seconds since 1970.
    Samples samples_us_;
    std::optional<Error> error_;
};

}  // namespace tepui::bench
