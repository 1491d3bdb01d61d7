#include "master/routes/unserved_routes.h"

#include <fmt/format.h>

namespace tepui::master {

void add_unserved_routes(http::Router& router) {
    struct Row {
        const char* path;
        std::set<std::string> methods;
    };
    const Row rows[] = {{"/reserve", {"POST"}},
                        {"/unreserve", {"POST"}},
                        {"/create-volumes", {"POST"}},
                        {"/destroy-volumes", {"POST"}},
                        {"/quota", {"GET", "POST", "DELETE"}},
                        {"/maintenance/schedule", {"GET", "POST"}},
                        {"/maintenance/status", {"GET"}},
                        {"/machine/down", {"POST"}},
                        {"/machine/up", {"POST"}}};
    for (const Row& row : rows) {
        router.add(
            row.path, row.methods,
            [path = row.path](http::Request request) -> http::asio::awaitable<http::Response> {
                co_return http::Response::text(
                    501,
                    fmt::format("{} {} is not supported by this master.", request.method, path));
            });
    }
}

}  // namespace tepui::master
