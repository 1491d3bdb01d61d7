#pragma once

#include <memory>

#include "base/prng.h"
#include "http/router.h"
#include "master/core_loop.h"
#include "master/scheduler_streams.h"

namespace tepui::master {

/// POST /api/v1/scheduler: subscriptions and calls of schedulers.
class SchedulerRoute {
public:
    /// `seed` is for stream ids. All outlive the server that runs handle().
    SchedulerRoute(CoreLoop& loop, std::shared_ptr<SchedulerStreams> streams, std::uint64_t seed);

    asio::awaitable<http::Response> handle(http::Request request);

private:
    http::Response subscribe(const http::Request& request, mesos::v1::scheduler::Call call,
                             asio::any_io_executor io);
    StreamId new_stream_id();

    CoreLoop& loop_;
    const std::shared_ptr<SchedulerStreams> streams_;
    std::mutex mutex_;
    Prng prng_;
};

}  // namespace tepui::master
