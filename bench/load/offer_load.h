#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "bench/load/figures.h"
#include "bench/load/scheduler.h"
#include "bench/load/simulated_agents.h"

namespace tepui::bench {

/// Tasks that fill simulated agents of this process, each a whole one, end at a steady rate; the
/// schedulers, also of this process, fill what is offered again. Measured is from the moment when
/// the end is due, on its way to the master, to the offer of that agent at a scheduler.
class OfferLoad {
public:
    struct Settings {
        http::Url master;
        std::size_t samples = 10'000;
        std::size_t frameworks = 50;
        unsigned ends_per_second = 500;
        unsigned agents = 1'000;
        unsigned connections = 8;
        double agent_cpus = 4;
        double agent_mem_mb = 4'096;
        TaskShape shape;  // Its amounts are the agents'.
    };

    OfferLoad(asio::io_context& io, Settings settings);
    void start() { agents_.start(); }
    /// After the io_context was stopped: what was found, or why it failed.
    Result<Figures> figures() const;

private:
    struct Task {
        SimulatedAgents::TaskRef ref;
        bool has_ended = false;
    };

    void on_event(std::size_t scheduler, const mesos::v1::scheduler::Event& event);
    void on_offers(std::size_t scheduler, const mesos::v1::scheduler::Event::Offers& offers);
    void on_acknowledged(SimulatedAgents::TaskRef ref);
    void end_due();
    void fail_with(Error error);

    asio::io_context& io_;
    const Settings settings_;
    SimulatedAgents agents_;
    std::vector<std::unique_ptr<Scheduler>> schedulers_;
    asio::steady_timer timer_;
    std::map<std::uint64_t, Task> tasks_;  // By number, those whose RUNNING was acknowledged.
    std::deque<std::uint64_t> running_;    // Oldest first.
    std::uint64_t next_task_ = 0;
    /// When the end of an agent's task was due; until it is offered.
    std::map<std::string, SteadyClock::time_point> ended_;
    std::optional<SteadyClock::time_point> begin_;
    std::size_t ends_ = 0;
    std::vector<double> offer_us_;
    std::optional<Error> error_;
};

}  // namespace tepui::bench
