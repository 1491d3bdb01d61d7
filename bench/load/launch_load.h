#pragma once

#include <map>
#include <optional>
#include <vector>

#include "bench/load/figures.h"
#include "bench/load/scheduler.h"

namespace tepui::bench {

/// Tasks up and down on one agent, as many at a time as its offers allow. Either each ends by
/// itself at once, or all stay until the last one runs and are killed then, so that launches and
/// destroys are timed apart.
class LaunchLoad {
public:
    struct Settings {
        http::Url master;
        std::size_t tasks = 1'000;
        bool tasks_stay = false;
        TaskShape shape;
    };

    LaunchLoad(asio::io_context& io, Settings settings);
    void start() { scheduler_.start(); }
    /// After the io_context was stopped: what was found, or why it failed.
    Result<Figures> figures() const;

private:
    void on_event(const mesos::v1::scheduler::Event& event);
    void on_offers(const mesos::v1::scheduler::Event::Offers& offers);
    void on_status(const mesos::v1::TaskStatus& status);
    void on_running(std::uint64_t number);
    void kill_all();
    void fail_with(Error error);

    asio::io_context& io_;
    const Settings settings_;
    Scheduler scheduler_;
    std::uint64_t launched_ = 0;
    std::size_t running_ = 0;
    std::size_t ended_ = 0;
    mesos::v1::AgentID agent_;
    std::vector<SteadyClock::time_point> accepted_;  // By task number.
    std::vector<double> latencies_us_;               // ACCEPT to TASK_RUNNING.
    SteadyClock::time_point all_running_;
    SteadyClock::time_point all_ended_;
    std::optional<Error> error_;
};

}  // namespace tepui::bench
