#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "bench/load/figures.h"
#include "bench/load/scheduler.h"
#include "bench/load/simulated_agents.h"

namespace tepui::bench {

/// Tasks that run on simulated agents of this process say so again, some times each; a scheduler of
/// this process acknowledges. First as fast as it goes: a task's next update follows the
/// acknowledgement of the one before, as on a real agent. Then as many again at half that rate:
/// there an update's clock runs from the moment when it is due to its acknowledgement at the agent.
class UpdatesLoad {
public:
    struct Settings {
        http::Url master;
        pid_t master_pid = 0;
        std::size_t tasks = 100'000;
        unsigned updates = 3;  // Of each task in each part.
        unsigned agents = 1'000;
        unsigned connections = 8;
        double agent_cpus = 10;
        double agent_mem_mb = 10'000;
        TaskShape shape;
    };

    UpdatesLoad(asio::io_context& io, Settings settings);
    void start() { agents_.start(); }
    /// After the io_context was stopped: what was found, or why it failed.
    Result<Figures> figures() const;

private:
    struct Task {
        SimulatedAgents::TaskRef ref;
        SteadyClock::time_point sent;  // Or due, at half load.
        unsigned acknowledged = 0;
        bool is_waiting = false;  // For an acknowledgement.
    };
    enum class Part : std::uint8_t { launch, full, half };

    void on_event(const mesos::v1::scheduler::Event& event);
    void on_offers(const mesos::v1::scheduler::Event::Offers& offers);
    void on_acknowledged(SimulatedAgents::TaskRef ref);
    void note_time(const Task& task);
    void send(Task& task, SteadyClock::time_point due);
    void begin_full();
    void begin_half();
    void send_due();
    void end();
    void fail_with(Error error);

    asio::io_context& io_;
    const Settings settings_;
    SimulatedAgents agents_;
    Scheduler scheduler_;
    asio::steady_timer timer_;
    Part part_ = Part::launch;
    std::vector<Task> tasks_;  // By number.
    std::uint64_t next_task_ = 0;
    std::size_t acknowledged_ = 0;  // In this part.
    std::size_t due_sent_ = 0;
    std::size_t retries_ = 0;
    SteadyClock::time_point begin_;
    double full_per_second_ = 0;
    double cpu_begin_seconds_ = 0;
    double cpu_seconds_ = 0;  // Of the master, in the full part.
    std::vector<double> full_us_;
    std::vector<double> half_us_;
    bool is_done_ = false;
    std::optional<Error> error_;
};

}  // namespace tepui::bench
