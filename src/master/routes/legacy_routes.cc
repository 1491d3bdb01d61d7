#include "master/routes/legacy_routes.h"

#include <charconv>

#include "daemon/await_callback.h"
#include "daemon/json_response.h"
#include "daemon/plain_json.h"
#include "daemon/prometheus.h"
#include "master/routes/explain_requests.h"
#include "master/routes/maintenance_requests.h"
#include "master/routes/operation_requests.h"
#include "master/routes/priority_requests.h"
#include "master/routes/quota_requests.h"
#include "master/snapshot/legacy_views.h"
#include "master/snapshot/maintenance_views.h"
#include "master/snapshot/registry_view.h"
#include "mesos/v1/master/master.pb.h"
#include "wire/json.h"

namespace tepui::master {
namespace {

using http::Request;
using http::Response;

std::optional<std::string> parameter(const Request& request, std::string_view name) {
    const auto value = request.query_value(name);
    if (!value || value->empty()) return std::nullopt;
    return std::string(*value);
}

template <typename Number>
Result<std::optional<Number>> number_parameter(const Request& request, std::string_view name) {
    const auto text = parameter(request, name);
    if (!text) return std::optional<Number>{};
    Number number{};
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size())
        return fail(Errc::invalid_argument, "The query's '{}' is not a number: {}", name, *text);
    return std::optional<Number>{number};
}

Result<TasksQuery> tasks_query(const Request& request) {
    TasksQuery query;
    query.framework_id = parameter(request, "framework_id");
    query.task_id = parameter(request, "task_id");
    query.limit = TEPUI_TRY(number_parameter<std::int64_t>(request, "limit")).value_or(query.limit);
    query.offset = TEPUI_TRY(number_parameter<std::size_t>(request, "offset")).value_or(0);
    const auto order = parameter(request, "order");
    if (order && *order != "asc" && *order != "desc")
        return fail(Errc::invalid_argument, "The query's 'order' is 'asc' or 'desc', not {}",
                    *order);
    query.ascending = order == "asc";
    return query;
}

// The body of PUT /weights: [{"role": ..., "weight": ...}, ...], in the call's mapping.
Result<std::vector<mesos::v1::WeightInfo>> weight_infos(std::string_view body) {
    const std::size_t begin = body.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos || body[begin] != '[') {
        return fail(Errc::invalid_argument,
                    R"(The body has to be a list: [{{"role": "ads", "weight": 2.5}}])");
    }
    mesos::v1::master::Call::UpdateWeights update;
    TEPUI_CHECK_OK(wire::json_to_message(fmt::format(R"({{"weight_infos":{}}})", body), update));
    return std::vector<mesos::v1::WeightInfo>(update.weight_infos().begin(),
                                              update.weight_infos().end());
}

Response answer(const Request& request, Result<Body> body) {
    if (!body) return Response::error(body.error());
    return daemon::json_response(request, std::move(*body));
}

}  // namespace

void LegacyRoutes::add_to(http::Router& router, const std::function<http::Handler(Call)>& bind) {
    const std::set<std::string> read{"GET", "POST"};  // Some clients POST to read (client rule 12).
    const std::set<std::string> get{"GET"};
    const auto add = [&](const char* path, const std::set<std::string>& methods, Call call) {
        router.add(path, methods, bind(std::move(call)));
    };
    const auto whole_of = [](const char* path, std::string (*render)(const Snapshot&)) -> Call {
        return [path, render](LegacyRoutes& self, Request request) {
            return self.whole(std::move(request), path, render);
        };
    };
    add("/state", read, whole_of("/state", render_state));
    add("/state-summary", read, whole_of("/state-summary", render_state_summary));
    add("/roles", read, whole_of("/roles", render_roles));
    add("/slaves", read, [](LegacyRoutes& self, Request request) {
        return self.filtered(std::move(request), "/slaves", "slave_id", render_slaves);
    });
    add("/frameworks", read, [](LegacyRoutes& self, Request request) {
        return self.filtered(std::move(request), "/frameworks", "framework_id", render_frameworks);
    });
    add("/tasks", read, std::mem_fn(&LegacyRoutes::tasks));
    add("/metrics/snapshot", read, std::mem_fn(&LegacyRoutes::metrics));
    add("/metrics", get, std::mem_fn(&LegacyRoutes::prometheus));
    for (const char* path : {"/registrar/registry", "/registrar(1)/registry"})
        add(path, read, whole_of("/registrar/registry", render_registry));
    add("/weights", {"GET", "PUT"}, std::mem_fn(&LegacyRoutes::weights));
    add("/quota", {"GET", "POST", "DELETE"}, std::mem_fn(&LegacyRoutes::quota));
    const auto operation = [](mesos::v1::Offer::Operation::Type type) -> Call {
        return [type](LegacyRoutes& self, Request request) {
            return answer_operation(self.loop_, posted_operation(type, request.body));
        };
    };
    add("/reserve", {"POST"}, operation(mesos::v1::Offer::Operation::RESERVE));
    add("/unreserve", {"POST"}, operation(mesos::v1::Offer::Operation::UNRESERVE));
    add("/create-volumes", {"POST"}, operation(mesos::v1::Offer::Operation::CREATE));
    add("/destroy-volumes", {"POST"}, operation(mesos::v1::Offer::Operation::DESTROY));
    const Call schedule = whole_of("/maintenance/schedule", render_maintenance_schedule);
    add("/maintenance/schedule", read, [schedule](LegacyRoutes& self, Request request) {
        if (request.method != "POST") return schedule(self, std::move(request));
        return answer_maintenance(self.loop_, posted_schedule(request.body));
    });
    add("/maintenance/status", get, whole_of("/maintenance/status", render_maintenance_status));
    const auto machines = [](bool down) -> Call {
        return [down](LegacyRoutes& self, Request request) {
            return answer_maintenance(self.loop_, posted_machines(request.body, down));
        };
    };
    add("/machine/down", {"POST"}, machines(true));
    add("/machine/up", {"POST"}, machines(false));
    add("/tepui/cancel-drain", {"POST"}, [](LegacyRoutes& self, Request request) {
        return answer_cancel_drain(self.loop_, std::move(request));
    });
    const Call priorities = whole_of("/tepui/priorities", render_priorities);
    add("/tepui/priorities", {"GET", "PUT"}, [priorities](LegacyRoutes& self, Request request) {
        if (request.method != "PUT") return priorities(self, std::move(request));
        return put_priorities(self.loop_, std::move(request));
    });
    add("/tepui/explain", get, [](LegacyRoutes& self, Request request) {
        return answer_explain(self.reader_, std::move(request));
    });
    add("/tepui/offers", get, [](LegacyRoutes& self, Request request) {
        return answer_offers(self.reader_, std::move(request));
    });
    add("/tepui/rescind-offer", {"POST"}, [](LegacyRoutes& self, Request request) {
        return answer_rescind_offer(self.loop_, std::move(request));
    });
    add("/redirect", get, std::mem_fn(&LegacyRoutes::redirect));
    add("/teardown", {"POST"}, std::mem_fn(&LegacyRoutes::teardown));
}

asio::awaitable<Response> LegacyRoutes::whole(Request request, const char* name,
                                              std::string (*render)(const Snapshot&)) {
    auto body = co_await reader_.shared_body(name, render);
    co_return answer(request, std::move(body));
}

asio::awaitable<Response> LegacyRoutes::filtered(
    Request request, const char* name, const char* parameter_name,
    std::string (*render)(const Snapshot&, const std::optional<std::string>&)) {
    const std::optional<std::string> only = parameter(request, parameter_name);
    auto bound = [render, only](const Snapshot& snapshot) { return render(snapshot, only); };
    if (only) {
        auto body = co_await reader_.own_body(std::move(bound));
        co_return answer(request, std::move(body));
    }
    auto body = co_await reader_.shared_body(name, std::move(bound));
    co_return answer(request, std::move(body));
}

asio::awaitable<Response> LegacyRoutes::tasks(Request request) {
    const auto query = tasks_query(request);
    if (!query) co_return Response::error(query.error());
    auto render = [query = *query](const Snapshot& snapshot) {
        return render_tasks(snapshot, query);
    };
    auto body = co_await reader_.own_body(std::move(render));
    co_return answer(request, std::move(body));
}

asio::awaitable<Response> LegacyRoutes::metrics(Request request) {
    // Nothing here takes long enough to miss a timeout; it is only checked.
    if (const auto timeout = parameter(request, "timeout")) {
        if (const auto parsed = parse_duration(*timeout); !parsed)
            co_return Response::error(parsed.error());
    }
    const auto metrics = co_await reader_.metrics();
    co_return daemon::json_response(request, daemon::metrics_json(metrics));
}

asio::awaitable<Response> LegacyRoutes::prometheus(Request) {
    const auto metrics = co_await reader_.metrics();
    co_return daemon::prometheus_response(metrics);
}

asio::awaitable<Response> LegacyRoutes::weights(Request request) {
    if (request.method == "PUT") co_return co_await put_weights(std::move(request));
    co_return co_await whole(std::move(request), "/weights", render_weights);
}

asio::awaitable<Response> LegacyRoutes::put_weights(Request request) {
    auto infos = weight_infos(request.body);
    if (!infos) co_return Response::error(infos.error());
    auto start = [this, &infos](std::function<void(Result<void>)> done) {
        loop_.post_weights(std::move(*infos), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    co_return result ? Response::empty(200) : Response::error(result.error());
}

asio::awaitable<Response> LegacyRoutes::quota(Request request) {
    if (request.method == "POST")
        co_return co_await answer_quota_update(loop_, posted_quota(request.body));
    if (request.method == "DELETE")
        co_return co_await answer_quota_update(loop_, deleted_quota(request.path));
    co_return co_await whole(std::move(request), "/quota", render_quota);
}

asio::awaitable<Response> LegacyRoutes::redirect(Request) {
    Response response = Response::empty(307);
    response.headers.set("Location",
                         fmt::format("//{}:{}", facts_->info.hostname(), facts_->info.port()));
    co_return response;
}

asio::awaitable<Response> LegacyRoutes::teardown(Request request) {
    const auto form = http::parse_query(request.body);
    if (!form) co_return Response::error(form.error());
    std::string framework;
    for (const auto& [name, value] : *form) {
        if (name == "frameworkId") framework = value;
    }
    if (framework.empty()) co_return Response::text(400, "The form needs a 'frameworkId'.");
    auto start = [this, &framework](std::function<void(Result<void>)> done) {
        loop_.post_teardown(FrameworkId(std::move(framework)), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    if (result) co_return Response::empty(200);
    if (result.error().code == Errc::not_found) co_return Response::text(400, result.error().text);
    co_return Response::error(result.error());
}

}  // namespace tepui::master
