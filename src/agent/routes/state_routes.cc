#include "agent/routes/measures.h"
#include "agent/routes/routes.h"
#include "agent/routes/state_views.h"
#include "daemon/json_response.h"
#include "daemon/on_worker.h"
#include "daemon/plain_json.h"
#include "daemon/prometheus.h"
#include "daemon/shared_routes.h"
#include "daemon/version_info.h"
#include "wire/json_writer.h"

namespace tepui::agent {
namespace {

using mesos::v1::agent::Response;
using Containers = Response::GetContainers;

const std::set<std::string> read_methods{"GET", "POST"};  // Some clients POST to read.

http::Response not_recovered() {
    return http::Response::text(503, "The agent has not finished recovery; try again in a moment.");
}

using StateJson = std::function<std::string(const State&)>;

asio::awaitable<http::Response> serve_json(std::shared_ptr<Backend> backend, http::Request request,
                                           StateJson make) {
    auto body = co_await backend->from_state<std::string>(std::move(make));
    if (!body) co_return not_recovered();
    co_return daemon::json_response(request, std::move(*body));
}

using Sources = std::map<std::string, std::string>;
using Metrics = std::map<std::string, double>;

asio::awaitable<http::Response> serve_metrics(std::shared_ptr<Backend> backend,
                                              http::Request request) {
    if (const auto timeout = request.query_value("timeout")) {
        if (const auto parsed = parse_duration(*timeout); !parsed) {
            co_return http::Response::error(parsed.error());
        }
    }
    std::function<Metrics(const State&)> make = [backend](const State& state) {
        return all_metrics(*backend, state);
    };
    auto values = co_await backend->from_state<Metrics>(std::move(make));
    if (!values) co_return not_recovered();
    co_return daemon::json_response(request, daemon::metrics_json(*values));
}

asio::awaitable<http::Response> serve_prometheus(std::shared_ptr<Backend> backend) {
    std::function<Metrics(const State&)> make = [backend](const State& state) {
        return all_metrics(*backend, state);
    };
    auto values = co_await backend->from_state<Metrics>(std::move(make));
    if (!values) co_return not_recovered();
    co_return daemon::prometheus_response(*values);
}

/// One entry of /containers and /monitor/statistics.
void write_container(wire::JsonWriter& json, const Containers::Container& container,
                     const std::string& source, bool with_status) {
    json.begin_object();
    if (with_status) json.key("container_id").value(container.container_id().value());
    json.key("executor_id").value(container.executor_id().value());
    json.key("executor_name").value(container.executor_name());
    json.key("framework_id").value(container.framework_id().value());
    json.key("source").value(source);
    if (container.has_resource_statistics()) {
        json.key("statistics").message(container.resource_statistics());
    }
    if (with_status) json.key("status").message(container.container_status());
    json.end_object();
}

/// What /containers asks for; 400 for any other combination of parameters.
struct ContainerFilter {
    std::optional<std::string_view> container;
    std::optional<std::string_view> framework;
    std::optional<std::string_view> executor;

    bool is_valid() const {
        if (container) return !framework && !executor;
        return framework || !executor;
    }
    bool admits(const Containers::Container& each) const {
        if (container && *container != each.container_id().value()) return false;
        if (framework && *framework != each.framework_id().value()) return false;
        return !executor || *executor == each.executor_id().value();
    }
};

asio::awaitable<http::Response> serve_containers(std::shared_ptr<Backend> backend,
                                                 http::Request request, bool with_status) {
    const ContainerFilter filter{request.query_value("container_id"),
                                 request.query_value("framework_id"),
                                 request.query_value("executor_id")};
    if (!filter.is_valid()) {
        co_return http::Response::text(
            400, "Give 'container_id', or 'framework_id' with or without 'executor_id'.");
    }
    auto containers = co_await containers_with_usage(backend, false);
    if (!containers) co_return not_recovered();
    std::function<Sources(const State&)> find_sources = container_sources;
    auto sources = co_await backend->from_state<Sources>(std::move(find_sources));
    if (!sources) co_return not_recovered();
    std::string out;
    wire::JsonWriter json(out);
    json.begin_array();
    for (const Containers::Container& container : containers->containers()) {
        if (!filter.admits(container)) continue;
        if (!with_status && !container.has_resource_statistics()) continue;
        write_container(json, container, (*sources)[container.container_id().value()], with_status);
    }
    json.end_array();
    co_return daemon::json_response(request, std::move(out));
}

/// A small answer that needs no state.
void add_json(http::Router& router, std::string path, std::function<std::string()> make) {
    router.add(std::move(path), read_methods,
               [make = std::move(make)](http::Request request) -> asio::awaitable<http::Response> {
                   co_return daemon::json_response(request, make());
               });
}

std::vector<daemon::HelpPage> help_pages() {
    const std::string jsonp = "jsonp  a function's name that the answer is wrapped in\n";
    return {
        {"/api/v1", "POST", "The operator API: a mesos.v1.agent.Call in JSON or protobuf.", ""},
        {"/api/v1/executor", "POST", "The API of executors: a mesos.v1.executor.Call.", ""},
        {"/state", "GET", "This agent, its frameworks, executors and tasks.", jsonp},
        {"/containers", "GET", "The containers of executors with status and usage.",
         "container_id  only this container\nframework_id  only of this framework\n"
         "executor_id   only of this executor, together with framework_id\n" +
             jsonp},
        {"/images", "GET", "The container images that are here or being pulled.", jsonp},
        {"/containerizer/debug", "GET", "Launches that are under way.", jsonp},
        {"/monitor/statistics", "GET", "The usage of executors' containers.", jsonp},
    };
}

}  // namespace

asio::awaitable<Result<Containers>> containers_with_usage(std::shared_ptr<Backend> backend,
                                                          bool nested, bool standalone) {
    using Named = std::pair<Containers, std::vector<ContainerId>>;
    std::function<Named(const State&)> make = [nested, standalone](const State& state) {
        Named named{get_containers(state, nested, standalone), {}};
        for (const auto& container : named.first.containers())
            named.second.push_back(machine_name(state, container));
        return named;
    };
    auto containers = co_await backend->from_state<Named>(std::move(make));
    if (!containers) co_return std::unexpected(containers.error());
    std::function<Result<Containers>()> work = [backend, found = std::move(containers->first),
                                                names = std::move(containers->second)]() mutable {
        for (int i = 0; i < found.containers_size(); ++i) {
            Containers::Container& container = *found.mutable_containers(i);
            const auto usage = backend->usage().usage(names[static_cast<std::size_t>(i)],
                                                      backend->clock().now().instant);
            // One that has just ended has none.
            if (usage) {
                container.mutable_resource_statistics()->MergeFrom(*usage);
            } else {
                container.clear_resource_statistics();
            }
        }
        return Result<Containers>(std::move(found));
    };
    auto complete = co_await daemon::on_worker(backend->workers(), std::move(work));
    co_return complete;
}

void add_state_routes(http::Router& router, std::shared_ptr<Backend> backend) {
    router.add("/state", read_methods, [backend](http::Request request) {
        return serve_json(backend, std::move(request), [backend](const State& state) {
            return state_json(state, backend->identity());
        });
    });
    router.add("/containerizer/debug", read_methods, [backend](http::Request request) {
        return serve_json(backend, std::move(request), containerizer_debug_json);
    });
    router.add("/metrics/snapshot", read_methods, [backend](http::Request request) {
        return serve_metrics(backend, std::move(request));
    });
    router.add("/metrics", {"GET"}, [backend](http::Request) { return serve_prometheus(backend); });
    router.add("/containers", read_methods, [backend](http::Request request) {
        return serve_containers(backend, std::move(request), true);
    });
    router.add("/monitor/statistics", read_methods, [backend](http::Request request) {
        return serve_containers(backend, std::move(request), false);
    });
    router.add("/health", read_methods, [](http::Request) -> asio::awaitable<http::Response> {
        co_return http::Response::empty(200);
    });
    add_json(router, "/version", [] { return daemon::version_json(daemon::version_info()); });
    add_json(router, "/flags", [backend] { return daemon::flags_json(backend->identity().flags); });
}

http::Router make_router(std::shared_ptr<Backend> backend) {
    http::Router router({"/slave(1)"});
    add_state_routes(router, backend);
    daemon::add_shared_routes(router, {backend->files(), backend->workers(), backend->log_level(),
                                       backend->clock(), "slave(1)", help_pages()});
    add_executor_route(router, backend);
    add_image_route(router, backend);
    add_api_route(router, std::move(backend));
    return router;
}

}  // namespace tepui::agent
