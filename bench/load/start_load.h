#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "bench/load/figures.h"
#include "bench/load/floor.h"
#include "bench/load/scheduler.h"

namespace tepui::bench {

/// One task at a time on an idle agent, each behind a run of the floor, so that both see the same
/// machine. A start is timed from the ACCEPT to the arrival of TASK_RUNNING; the stamps that the agent
/// puts on its updates split it.
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
        std::vector<double> start, to_agent, container, to_scheduler;
        std::vector<double> floor_exec, floor_wait;
    };

    void on_event(const mesos::v1::scheduler::Event& event);
    void on_status(const mesos::v1::TaskStatus& status);
    void on_running(const mesos::v1::TaskStatus& status);
    void rest();
    void launch();
    void fail_with(Error error);

    asio::io_context& io_;
    const Settings settings_;
    Floor floor_;
    Scheduler scheduler_;
    asio::steady_timer timer_;
    std::optional<mesos::v1::Offer> offer_;
    bool is_resting_ = false;
    bool is_running_ = false;  // From the ACCEPT to the end.
    std::uint64_t launched_ = 0;
    SteadyClock::time_point accepted_;
    double accepted_wall_ = 0;                 // Seconds since 1970.
    std::optional<double> starting_wall_;      // Of TASK_STARTING, by the agent's stamp.
    Samples samples_us_;
    std::optional<Error> error_;
};

}  // namespace tepui::bench
