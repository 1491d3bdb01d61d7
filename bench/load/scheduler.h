#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/api_connection.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::bench {

/// A framework over the v1 scheduler API in protobuf: one event stream, and calls pipelined on some
/// connections. Runs on an io_context with one thread; ends with the process.
class Scheduler {
public:
    struct Settings {
        http::Url master;
        std::string name;
        unsigned connections = 1;
    };
    struct Handlers {
        std::function<void(const mesos::v1::scheduler::Event&)> event;
        std::function<void(std::uint64_t tag)>
            accepted;  // The call with that tag was answered 202.
        std::function<void(Error)> failed;
    };

    Scheduler(asio::io_context& io, Settings settings, Handlers handlers);

    /// Subscribes, then reads events until the process ends.
    void start();
    /// Sets the framework's id and sends. Only after SUBSCRIBED.
    void send(mesos::v1::scheduler::Call& call, std::uint64_t tag = 0);
    /// Acknowledges a status that wants it.
    void acknowledge(const mesos::v1::TaskStatus& status, std::uint64_t tag = 0);
    /// Wants no offers any more, and gives these back for an hour.
    void decline(const std::vector<mesos::v1::OfferID>& offers);

private:
    asio::awaitable<void> run();
    asio::awaitable<Result<void>> subscribe();
    Result<void> begin(const std::string& stream_id);
    Result<void> take(const std::string& record);
    void answered(const ApiConnection::Answer& answer);

    asio::io_context& io_;
    const Settings settings_;
    const Handlers handlers_;
    http::Client client_;
    std::unique_ptr<http::ClientStream> stream_;
    std::vector<std::unique_ptr<ApiConnection>> connections_;
    std::size_t next_connection_ = 0;
    std::string head_;
    mesos::v1::FrameworkID framework_;
    mesos::v1::scheduler::Event event_;  // Used again for each record: its memory stays.
    std::string body_;
};

/// What every task of a run is like.
struct TaskShape {
    double cpus = 0.1;
    double mem_mb = 32;
    std::string name = "no-op";
    std::string program = "true";
    std::vector<std::string> arguments;
    std::string image;  // A Docker image, in which the program is; empty: none.
};

/// How many such tasks fit into the offer.
std::size_t slots(const mesos::v1::Offer& offer, const TaskShape& shape);
/// An ACCEPT of the offer that launches tasks named `first`, first + 1, ...
mesos::v1::scheduler::Call accept_call(const mesos::v1::Offer& offer, const TaskShape& shape,
                                       std::uint64_t first, std::size_t count);
/// The number that is the task's name.
Result<std::uint64_t> task_number(const mesos::v1::TaskStatus& status);

}  // namespace tepui::bench
