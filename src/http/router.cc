#include "http/router.h"

#include <fmt/format.h>

#include "base/assert.h"

namespace tepui::http {
namespace {

constexpr std::string_view json_suffix = ".json";

/// The path without slashes at its end; "/" becomes empty.
std::string_view without_trailing_slashes(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return path;
}

/// `path` without `prefix` when that is made of its first whole parts.
std::optional<std::string_view> strip_prefix(std::string_view path, std::string_view prefix) {
    if (!path.starts_with(prefix)) return std::nullopt;
    const std::string_view rest = path.substr(prefix.size());
    if (!rest.empty() && rest.front() != '/') return std::nullopt;
    return rest;
}

/// The route whose path is the longest run of whole parts at the beginning of `path`. The route of
/// "/" (the empty key) stands for itself only, or it would answer for every unknown path.
const Router::Route* longest(const std::map<std::string, Router::Route, std::less<>>& routes,
                             std::string_view path) {
    path = without_trailing_slashes(path);
    if (path.empty()) {
        const auto root = routes.find(path);
        return root == routes.end() ? nullptr : &root->second;
    }
    for (std::string_view head = path; !head.empty();
         head = without_trailing_slashes(head.substr(0, head.rfind('/')))) {
        if (const auto it = routes.find(head); it != routes.end()) return &it->second;
        if (!head.ends_with(json_suffix)) continue;
        const std::string_view plain = head.substr(0, head.size() - json_suffix.size());
        if (plain.empty() || plain.ends_with('/')) continue;
        if (const auto it = routes.find(plain); it != routes.end()) return &it->second;
    }
    return nullptr;
}

std::string join(const std::set<std::string>& methods) {
    std::string text;
    for (const std::string& method : methods) text += (text.empty() ? "" : ", ") + method;
    return text;
}

Response method_not_allowed(const Router::Route& route, std::string_view method) {
    Response response =
        Response::text(405, fmt::format("Expecting one of {{ '{}' }}, but received '{}'",
                                        fmt::join(route.methods, "', '"), method));
    response.headers.add("Allow", join(route.methods));
    return response;
}

}  // namespace

void Router::add(std::string path, std::set<std::string> methods, Handler handler,
                 bool takes_uploads) {
    TEPUI_ASSERT_WHY(path.starts_with('/'), "a route without a slash could never match");
    path = std::string(without_trailing_slashes(path));
    Route route{path.empty() ? "/" : path, std::move(methods), std::move(handler), takes_uploads};
    routes_.insert_or_assign(std::move(path), std::move(route));
}

const Router::Route* Router::find(std::string_view path) const {
    if (const Route* route = longest(routes_, path)) return route;
    for (const std::string& prefix : prefixes_) {
        const auto rest = strip_prefix(path, prefix);
        if (!rest) continue;
        if (const Route* route = longest(routes_, *rest)) return route;
    }
    return nullptr;
}

std::vector<std::string> Router::paths() const {
    std::vector<std::string> paths;
    for (const auto& [key, route] : routes_) paths.push_back(route.path);
    return paths;
}

asio::awaitable<Response> Router::serve(Request request) const {
    if (observer_) observer_(request);
    const Route* route = find(request.path);
    if (route == nullptr) co_return Response::text(404, "404 Not Found.");
    if (request.method == "HEAD" && !route->methods.contains("HEAD")) request.method = "GET";
    if (!route->methods.contains(request.method))
        co_return method_not_allowed(*route, request.method);
    co_return co_await route->handler(std::move(request));
}

}  // namespace tepui::http
