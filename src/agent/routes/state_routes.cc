#include <sys/sysinfo.h>

#include "agent/routes/routes.h"
#include "agent/routes/state_views.h"
#include "daemon/file_routes.h"
#include "daemon/on_worker.h"
#include "daemon/plain_json.h"
#include "daemon/version_info.h"
#include "wire/json_writer.h"

namespace tepui::agent {
namespace {

using mesos::v1::agent::Response;
using Containers = Response::GetContainers;

http::Response not_recovered() {
    return http::Response::text(503, "The agent has not finished recovery; try again in a moment.");
}

asio::awaitable<http::Response> serve_state(std::shared_ptr<Backend> backend) {
    std::function<std::string(const State&)> make = [backend](const State& state) {
        return state_json(state, backend->identity());
    };
    auto body = co_await backend->from_state<std::string>(std::move(make));
    if (!body) co_return not_recovered();
    co_return http::Response::json(std::move(*body));
}

using Metrics = std::map<std::string, double>;

asio::awaitable<http::Response> serve_metrics(std::shared_ptr<Backend> backend,
                                              http::Request request) {
    if (const auto timeout = request.query_value("timeout")) {
        if (const auto parsed = parse_duration(*timeout); !parsed) {
            co_return http::Response::error(parsed.error());
        }
    }
    std::function<Metrics(const State&)> make = [backend](const State& state) {
        return metrics(state, backend->identity(), backend->now());
    };
    auto values = co_await backend->from_state<Metrics>(std::move(make));
    if (!values) co_return not_recovered();
    co_return http::Response::json(daemon::metrics_json(*values));
}

/// One entry of /containers and /monitor/statistics.
void write_container(wire::JsonWriter& json, const Containers::Container& container,
                     bool with_status) {
    json.begin_object();
    if (with_status) json.key("container_id").value(container.container_id().value());
    json.key("executor_id").value(container.executor_id().value());
    json.key("executor_name").value(container.executor_name());
    json.key("framework_id").value(container.framework_id().value());
    json.key("source").value(container.executor_id().value());
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
    auto containers = co_await containers_with_usage(backend);
    if (!containers) co_return not_recovered();
    std::string out;
    wire::JsonWriter json(out);
    json.begin_array();
    for (const Containers::Container& container : containers->containers()) {
        if (!filter.admits(container)) continue;
        if (!with_status && !container.has_resource_statistics()) continue;
        write_container(json, container, with_status);
    }
    json.end_array();
    co_return http::Response::json(std::move(out));
}

std::string machine_json() {
    struct sysinfo machine{};
    sysinfo(&machine);
    const auto load = [&](int i) {
        return static_cast<double>(machine.loads[i]) / (1 << SI_LOAD_SHIFT);
    };
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object();
    json.key("avg_load_15min").value(load(2));
    json.key("avg_load_1min").value(load(0));
    json.key("avg_load_5min").value(load(1));
    json.key("cpus_total").value(get_nprocs());
    json.key("mem_free_bytes").value(std::uint64_t{machine.freeram} * machine.mem_unit);
    json.key("mem_total_bytes").value(std::uint64_t{machine.totalram} * machine.mem_unit);
    json.end_object();
    return out;
}

void add_text(http::Router& router, std::string path, std::function<std::string()> make) {
    router.add(std::move(path), {"GET"},
               [make = std::move(make)](http::Request) -> asio::awaitable<http::Response> {
                   co_return http::Response::json(make());
               });
}

}  // namespace

asio::awaitable<Result<Containers>> containers_with_usage(std::shared_ptr<Backend> backend) {
    std::function<Containers(const State&)> make = [](const State& state) {
        return get_containers(state);
    };
    auto containers = co_await backend->from_state<Containers>(std::move(make));
    if (!containers) co_return containers;
    std::function<Result<Containers>()> work = [backend, found = std::move(*containers)]() mutable {
        for (Containers::Container& container : *found.mutable_containers()) {
            const auto usage =
                backend->containerizer().usage(ContainerId{container.container_id().value()});
            // One that has just ended has none.
            if (usage) *container.mutable_resource_statistics() = *usage;
        }
        return Result<Containers>(std::move(found));
    };
    auto complete = co_await daemon::on_worker(backend->workers(), std::move(work));
    co_return complete;
}

void add_state_routes(http::Router& router, std::shared_ptr<Backend> backend) {
    router.add("/state", {"GET", "POST"},
               [backend](http::Request) { return serve_state(backend); });
    router.add("/metrics/snapshot", {"GET"}, [backend](http::Request request) {
        return serve_metrics(backend, std::move(request));
    });
    router.add("/containers", {"GET"}, [backend](http::Request request) {
        return serve_containers(backend, std::move(request), true);
    });
    router.add("/monitor/statistics", {"GET"}, [backend](http::Request request) {
        return serve_containers(backend, std::move(request), false);
    });
    router.add("/health", {"GET"}, [](http::Request) -> asio::awaitable<http::Response> {
        co_return http::Response::empty(200);
    });
    add_text(router, "/version", [] { return daemon::version_json(daemon::version_info()); });
    add_text(router, "/flags", [backend] { return daemon::flags_json(backend->identity().flags); });
    add_text(router, "/system/stats", [] { return machine_json(); });
}

http::Router make_router(std::shared_ptr<Backend> backend) {
    http::Router router({"/slave(1)"});
    add_state_routes(router, backend);
    for (auto& [path, handler] : daemon::file_handlers(backend->files(), backend->workers())) {
        router.add(path, {"GET"}, std::move(handler));
    }
    add_api_route(router, std::move(backend));
    return router;
}

}  // namespace tepui::agent
