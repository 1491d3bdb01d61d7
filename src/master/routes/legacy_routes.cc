#include "master/routes/legacy_routes.h"

#include <charconv>

#include "master/await_callback.h"
#include "master/snapshot/legacy_views.h"
#include "wire/json_writer.h"

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

/// A JavaScript name, perhaps with dots: anything else could smuggle code into a page.
bool is_function_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '$' || c == '.';
    });
}

Response answer(const Request& request, Result<Body> body) {
    if (!body) return Response::error(body.error());
    return json_response(request, std::move(*body));
}

}  // namespace

Response json_response(const Request& request, Body body) {
    const auto callback = request.query_value("jsonp");
    if (!callback || request.method == "POST") return Response::json(std::move(body));
    if (!is_function_name(*callback))
        return Response::text(400, "The query's 'jsonp' is not a function's name.");
    Response response;
    response.headers.set("Content-Type", "text/javascript");
    response.body = std::make_shared<const std::string>(fmt::format("{}({});", *callback, *body));
    return response;
}

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
    add("/redirect", get, std::mem_fn(&LegacyRoutes::redirect));
    add("/teardown", {"POST"}, std::mem_fn(&LegacyRoutes::teardown));
    add("/files/browse", get, std::mem_fn(&LegacyRoutes::browse));
    add("/files/read", get, std::mem_fn(&LegacyRoutes::read));
    add("/files/download", get, std::mem_fn(&LegacyRoutes::download));
    add("/files/debug", get, std::mem_fn(&LegacyRoutes::debug));
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
    co_return json_response(request, std::make_shared<const std::string>(render_metrics(metrics)));
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
    const Result<void> result = co_await await_callback<Result<void>>(std::move(start));
    if (result) co_return Response::empty(200);
    if (result.error().code == Errc::not_found) co_return Response::text(400, result.error().text);
    co_return Response::error(result.error());
}

asio::awaitable<Response> LegacyRoutes::browse(Request request) {
    const auto path = parameter(request, "path");
    if (!path) co_return Response::text(400, "The query needs a 'path'.");
    if (!files_.contains(*path)) co_return Response::empty(404);
    // What is shown are files: there is nothing below them.
    co_return json_response(request, std::make_shared<const std::string>("[]"));
}

asio::awaitable<Response> LegacyRoutes::read(Request request) {
    const auto path = parameter(request, "path");
    if (!path) co_return Response::text(400, "The query needs a 'path'.");
    const auto offset = number_parameter<std::int64_t>(request, "offset");
    if (!offset) co_return Response::error(offset.error());
    const auto length = number_parameter<std::int64_t>(request, "length");
    if (!length) co_return Response::error(length.error());
    const std::int64_t from = offset->value_or(-1);
    if (from < -1) co_return Response::text(400, "The query's 'offset' is negative.");
    if (length->value_or(0) < -1)
        co_return Response::text(400, "The query's 'length' is negative.");
    std::optional<std::uint64_t> count;
    if (length->value_or(-1) >= 0) count = static_cast<std::uint64_t>(**length);

    auto work = [this, path = *path, from, count]() -> Result<std::string> {
        // An offset of -1 asks for the size.
        auto page = TEPUI_TRY(files_.read(path, from < 0 ? 0 : static_cast<std::uint64_t>(from),
                                          from < 0 ? std::optional<std::uint64_t>{0} : count));
        std::string out;
        wire::JsonWriter json(out);
        json.begin_object();
        json.key("data").value(page.data);
        json.key("offset").value(from < 0 ? page.size : static_cast<std::uint64_t>(from));
        json.end_object();
        return out;
    };
    auto body = co_await reader_.work(std::move(work));
    co_return answer(request, std::move(body));
}

asio::awaitable<Response> LegacyRoutes::download(Request request) {
    const auto path = parameter(request, "path");
    if (!path) co_return Response::text(400, "The query needs a 'path'.");
    auto work = [this, path = *path] { return files_.read_all(path); };
    auto body = co_await reader_.work(std::move(work));
    if (!body) co_return Response::error(body.error());
    Response response;
    response.headers.set("Content-Type", "application/octet-stream");
    response.headers.set("Content-Disposition",
                         "attachment; filename=" + path->substr(path->rfind('/') + 1));
    response.body = std::move(*body);
    co_return response;
}

asio::awaitable<Response> LegacyRoutes::debug(Request request) {
    std::string out;
    wire::JsonWriter json(out);
    json.begin_object();
    for (const auto& [virtual_path, real_path] : files_.files())
        json.key(virtual_path).value(real_path);
    json.end_object();
    co_return json_response(request, std::make_shared<const std::string>(std::move(out)));
}

}  // namespace tepui::master
