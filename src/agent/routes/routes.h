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
/// A call of the operator API about a container: launch, wait, kill, remove, attach.
bool is_container_call(mesos::v1::agent::Call::Type type);
/// Serves one whose body came whole and was checked. `accept`: what the answer may be.
asio::awaitable<http::Response> serve_container_call(std::shared_ptr<Backend> backend,
                                                     http::Request request,
                                                     mesos::v1::agent::Call call);
/// Serves ATTACH_CONTAINER_INPUT, whose body is RecordIO.
asio::awaitable<http::Response> serve_container_input(std::shared_ptr<Backend> backend,
                                                      http::Request request);

/// POST /api/v1/executor: the calls of mesos.v1.executor. SUBSCRIBE opens a stream.
void add_executor_route(http::Router& router, std::shared_ptr<Backend> backend);
/// GET /state, /containers, /containerizer/debug, /monitor/statistics, /metrics/snapshot, /health,
/// /version, /flags; with them what /help tells of all but the shared ones.
void add_state_routes(http::Router& router, std::shared_ptr<Backend> backend);

/// GET /images: the images that are here or on their way.
void add_image_route(http::Router& router, std::shared_ptr<Backend> backend);
/// PRUNE_IMAGES of the operator API.
asio::awaitable<Result<void>> prune_images(std::shared_ptr<Backend> backend,
                                           mesos::v1::agent::Call::PruneImages call);

/// The containers that run, with their usage where it can be read; `nested` as get_containers()
/// takes it.
asio::awaitable<Result<mesos::v1::agent::Response::GetContainers>> containers_with_usage(
    std::shared_ptr<Backend> backend, bool nested, bool standalone = false);

}  // namespace tepui::agent
