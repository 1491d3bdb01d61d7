#pragma once

#include <memory>

#include "daemon/files.h"
#include "daemon/log_level.h"
#include "env/clock.h"
#include "http/router.h"
#include "master/operator_streams.h"
#include "master/routes/reader.h"
#include "mesos/v1/master/master.pb.h"
#include "wire/media.h"

namespace tepui::master {

/// POST /api/v1: the operator API. Calls that are not served yet answer 501 and name themselves.
class OperatorRoute {
public:
    OperatorRoute(CoreLoop& loop, Reader& reader, const daemon::Files& files,
                  daemon::LogLevel& log_level, const env::Clock& clock, OperatorStreams& streams,
                  std::shared_ptr<const MasterFacts> facts)
        : loop_(loop),
          reader_(reader),
          files_(files),
          log_level_(log_level),
          clock_(clock),
          streams_(streams),
          facts_(std::move(facts)) {}

    asio::awaitable<http::Response> handle(http::Request request);
    /// POST /tepui/kill-task (api/tepui/operator.proto).
    asio::awaitable<http::Response> kill_task(http::Request request);

private:
    asio::awaitable<http::Response> dispatch(mesos::v1::master::Call call, wire::Media media);
    http::Response subscribe(const http::Request& request, wire::Media media);
    asio::awaitable<http::Response> view(const char* name, wire::Media media,
                                         std::string (*render)(const Snapshot&, wire::Media));
    asio::awaitable<http::Response> files(mesos::v1::master::Call call, wire::Media media);
    asio::awaitable<http::Response> get_metrics(wire::Media media);
    asio::awaitable<http::Response> teardown(FrameworkId framework);
    asio::awaitable<http::Response> mark_gone(AgentId agent);
    asio::awaitable<http::Response> set_deactivated(AgentId agent, bool deactivated);
    asio::awaitable<http::Response> update_weights(mesos::v1::master::Call::UpdateWeights wanted);

    CoreLoop& loop_;
    Reader& reader_;
    const daemon::Files& files_;
    daemon::LogLevel& log_level_;
    const env::Clock& clock_;
    OperatorStreams& streams_;
    const std::shared_ptr<const MasterFacts> facts_;
};

}  // namespace tepui::master
