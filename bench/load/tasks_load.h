#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bench/load/figures.h"
#include "bench/load/scheduler.h"

namespace tepui::bench {

/// Some frameworks launch a number of tasks as fast as offers come. Every task's clock runs from
/// the ACCEPT that launched it to the master's answer to the acknowledgement of its TASK_RUNNING.
class TasksLoad {
public:
    struct Settings {
        http::Url master;
        pid_t master_pid = 0;
        std::size_t tasks = 100'000;
        std::size_t frameworks = 1;
        unsigned connections = 4;  // Of each framework.
        TaskShape shape;
    };

    TasksLoad(asio::io_context& io, Settings settings);
    void start();
    /// After the io_context was stopped: what was found, or why it failed.
    Result<Figures> figures() const;

private:
    struct Framework {
        std::unique_ptr<Scheduler> scheduler;
        std::uint64_t next = 0;  // Task number.
        std::uint64_t end = 0;
        bool is_suppressed = false;
    };
    struct TaskTimes {
        SteadyClock::time_point accepted;
        SteadyClock::time_point acknowledged;
    };

    void on_event(Framework& framework, const mesos::v1::scheduler::Event& event);
    void on_offers(Framework& framework, const mesos::v1::scheduler::Event::Offers& offers);
    void on_status(Framework& framework, const mesos::v1::TaskStatus& status);
    void on_accepted(std::uint64_t tag);
    void suppress(Framework& framework);
    void fail_with(Error error);

    asio::io_context& io_;
    const Settings settings_;
    std::vector<Framework> frameworks_;
    std::vector<TaskTimes> times_;  // By task number.
    std::size_t acknowledged_ = 0;
    std::optional<double> cpu_begin_seconds_;
    double cpu_end_seconds_ = 0;
    std::optional<Error> error_;
};

}  // namespace tepui::bench
