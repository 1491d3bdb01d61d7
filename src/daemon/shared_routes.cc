#include "daemon/shared_routes.h"

#include <charconv>

#include "daemon/file_routes.h"
#include "daemon/json_response.h"
#include "daemon/machine_stats.h"

namespace tepui::daemon {
namespace {

namespace asio = boost::asio;
using http::Request;
using http::Response;

const std::set<std::string> read_methods{"GET", "POST"};  // Some clients POST to read.

/// A handler of something that needs no waiting.
http::Handler plain(std::function<Response(const Request&)> make) {
    return [make = std::move(make)](Request request) -> asio::awaitable<Response> {
        co_return make(request);
    };
}

Result<void> toggle(const Request& request, LogLevel& level, Instant now) {
    const auto wanted = request.query_value("level");
    const auto duration = request.query_value("duration");
    if (!wanted) return fail(Errc::invalid_argument, "The query has a 'duration' but no 'level'.");
    if (!duration)
        return fail(Errc::invalid_argument, "The query has a 'level' but no 'duration'.");
    std::int64_t number = 0;
    const auto [end, error] =
        std::from_chars(wanted->data(), wanted->data() + wanted->size(), number);
    if (error != std::errc{} || end != wanted->data() + wanted->size())
        return fail(Errc::invalid_argument, "The query's 'level' is not a number: {}", *wanted);
    return level.raise(number, TEPUI_TRY(parse_duration(*duration)), now);
}

Response logging_toggle(const Request& request, LogLevel& level, const env::Clock& clock) {
    const Instant now = clock.now().instant;
    if (!request.query_value("level") && !request.query_value("duration"))
        return Response::text(200, fmt::format("{}\n", level.at(now)));
    if (const auto raised = toggle(request, level, now); !raised)
        return Response::error(raised.error());
    return Response::empty(200);
}

void add_profilers(http::Router& router) {
    for (const char* path : {"/profiler/start", "/profiler/stop"}) {
        router.add(path, read_methods, plain([](const Request&) {
                       return Response::text(
                           400, "No profiler is built into this daemon: use perf on its process.");
                   }));
    }
    for (const char* path : {"start", "stop", "state", "statistics", "download/raw",
                             "download/text", "download/graph"}) {
        router.add(std::string("/memory-profiler/") + path, read_methods, plain([](const Request&) {
                       return Response::text(
                           400,
                           "No memory profiler is built into this daemon: use heaptrack or "
                           "bpftrace on its process.");
                   }));
    }
}

}  // namespace

void add_shared_routes(http::Router& router, SharedParts parts) {
    for (auto& [path, handler] : file_handlers(parts.files, parts.pool))
        router.add(path, read_methods, std::move(handler));
    router.add("/logging/toggle", read_methods,
               plain([&level = parts.level, &clock = parts.clock](const Request& request) {
                   return logging_toggle(request, level, clock);
               }));
    router.add("/system/stats", read_methods, plain([](const Request& request) {
                   return json_response(request, machine_stats_json());
               }));
    // Actors with queues are what Mesos is made of; here there are none.
    router.add("/__processes__", read_methods,
               plain([](const Request& request) { return json_response(request, "[]"); }));
    add_profilers(router);

    std::vector<HelpPage> pages = shared_help();
    std::move(parts.own_pages.begin(), parts.own_pages.end(), std::back_inserter(pages));
    std::sort(pages.begin(), pages.end(),
              [](const HelpPage& a, const HelpPage& b) { return a.path < b.path; });
    router.add("/help", read_methods,
               plain([process = parts.process, pages = std::move(pages)](const Request& request) {
                   return help_response(request, process, pages);
               }));
}

void log_requests(http::Router& router, const LogLevel& level, const env::Clock& clock,
                  std::function<std::shared_ptr<Log>()> log) {
    router.observe([&level, &clock, log = std::move(log)](const Request& request) {
        if (level.at(clock.now().instant) < LogLevel::requests) return;
        if (const auto to = log())
            to->info(fmt::format("{} {} from {}", request.method, request.target, request.remote));
    });
}

}  // namespace tepui::daemon
