#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "http/message.h"

namespace tepui::http {

/// Serves one request. Runs on an I/O thread; must not block it. An exception that leaves it
/// becomes a 500 and a line in the log.
using Handler = std::function<asio::awaitable<Response>(Request)>;

/// Finds the handler of a path by its longest registered prefix of whole path parts, as libprocess
/// does: `/api/v1/operator` and `/tasks/` reach `/api/v1` and `/tasks`. Every route also answers
/// under the prefixes given (`/master`, `/slave(1)`) and with the suffix `.json`.
class Router {
public:
    explicit Router(std::vector<std::string> prefixes = {}) : prefixes_(std::move(prefixes)) {}

    /// `methods` are upper case; HEAD follows GET. A method outside them is answered 405 with
    /// Allow. A path added twice replaces the first. A route that `takes_uploads` gets a body of
    /// type application/recordio as Request::upload, before it has come to its end.
    void add(std::string path, std::set<std::string> methods, Handler handler,
             bool takes_uploads = false);

    struct Route {
        std::string path;
        std::set<std::string> methods;
        Handler handler;
        bool takes_uploads = false;
    };
    /// Is called with every request before it is served, on its I/O thread. Once; before serving.
    void observe(std::function<void(const Request&)> observer) { observer_ = std::move(observer); }
    /// Every path that was added.
    std::vector<std::string> paths() const;

    /// Null when nothing matches.
    const Route* find(std::string_view path) const;

    /// Finds, checks the method, runs the handler; 404 and 405 are answered here.
    asio::awaitable<Response> serve(Request request) const;

private:
    std::vector<std::string> prefixes_;
    std::map<std::string, Route, std::less<>> routes_;
    std::function<void(const Request&)> observer_;
};

}  // namespace tepui::http
