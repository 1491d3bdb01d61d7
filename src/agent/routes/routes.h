#pragma once

#include <memory>

#include "agent/routes/backend.h"
#include "http/router.h"
#include "mesos/v1/agent/agent.pb.h"

namespace tepui::agent {

/// Every route of an agent, also under /slave(1).
http::Router make_router(std::shared_ptr<Backend> backend);

/// POST /api/v1: the operator calls of mesos.v1.agent.
void add_api_route(http::Router& router, std::shared_ptr<Backend> backend);
/// GET /state, /containers, /monitor/statistics, /metrics/snapshot, /health, /version, /flags.
void add_state_routes(http::Router& router, std::shared_ptr<Backend> backend);

/// The containers that run, with their usage where it can be read.
asio::awaitable<Result<mesos::v1::agent::Response::GetContainers>> containers_with_usage(
    std::shared_ptr<Backend> backend);

}  // namespace tepui::agent
