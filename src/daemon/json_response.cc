#include "daemon/json_response.h"

#include <algorithm>

namespace tepui::daemon {
namespace {

/// A JavaScript name, perhaps with dots: anything else could smuggle code into a page.
bool is_function_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '$' || c == '.';
    });
}

}  // namespace

http::Response json_response(const http::Request& request,
                             std::shared_ptr<const std::string> body) {
    const auto callback = request.query_value("jsonp");
    if (!callback || request.method == "POST") return http::Response::json(std::move(body));
    if (!is_function_name(*callback))
        return http::Response::text(400, "The query's 'jsonp' is not a function's name.");
    http::Response response;
    response.headers.set("Content-Type", "text/javascript");
    response.body = std::make_shared<const std::string>(fmt::format("{}({});", *callback, *body));
    return response;
}

http::Response json_response(const http::Request& request, std::string body) {
    return json_response(request, std::make_shared<const std::string>(std::move(body)));
}

}  // namespace tepui::daemon
