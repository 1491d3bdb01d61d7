#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "bench/load/figures.h"
#include "bench/load/scheduler.h"
#include "mesos/v1/master/master.pb.h"

namespace tepui::bench {

/// Readers of the operator event stream while statuses of one task come at a steady rate from an
/// agent without containers. An event's lag runs from the stamp that the agent puts on the status
/// to the moment when a reader has it. Some readers never read.
class FanoutLoad {
public:
    struct Settings {
        http::Url master;
        pid_t master_pid = 0;
        unsigned readers = 100;
        unsigned stalled_percent = 5;
        unsigned events_per_second = 2'000;
        unsigned seconds = 10;
        TaskShape shape;
    };

    FanoutLoad(asio::io_context& io, Settings settings);
    ~FanoutLoad();
    void start();
    /// After the io_context was stopped: what was found, or why it failed.
    Result<Figures> figures() const;

private:
    class Agent;
    struct Reader {
        std::unique_ptr<http::ClientStream> stream;
        bool is_sampled = false;   // Its lags count; reading the stamp costs the load generator.
        std::string partial = {};  // Of a record.
        bool is_ready = false;     // It has its snapshot.
        std::uint64_t updates = 0;
    };

    asio::awaitable<void> run();
    asio::awaitable<Result<void>> serve();
    asio::awaitable<Result<void>> open_readers();
    asio::awaitable<void> read(Reader& reader);
    asio::awaitable<void> send();
    void take(Reader& reader, std::string_view record);
    void note_update(Reader& reader, std::string_view record);
    void on_offers(const mesos::v1::scheduler::Event::Offers& offers);
    void fail_with(Error error);

    asio::io_context& io_;
    const Settings settings_;
    http::Client client_;
    std::unique_ptr<Agent> agent_;
    std::unique_ptr<Scheduler> scheduler_;
    std::vector<std::unique_ptr<Reader>> readers_;
    std::vector<std::unique_ptr<http::ClientStream>> stalled_;
    std::size_t ready_ = 0;
    bool is_launched_ = false;
    asio::steady_timer timer_;
    mesos::v1::master::Event event_;  // Used again: its memory stays.

    std::uint64_t to_send_ = 0;
    std::uint64_t done_readers_ = 0;
    SteadyClock::time_point begin_;
    SteadyClock::time_point end_;
    std::vector<double> lags_us_;
    double cpu_begin_seconds_ = 0;
    double cpu_end_seconds_ = 0;
    double memory_begin_mb_ = 0;
    double memory_end_mb_ = 0;
    std::optional<Error> error_;
};

}  // namespace tepui::bench
