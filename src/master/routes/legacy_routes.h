#pragma once

#include <memory>

#include "http/router.h"
#include "master/routes/reader.h"

namespace tepui::master {

/// The endpoints from before the v1 API: /state, /slaves, /tasks, /metrics/snapshot and the
/// like. All bodies are JSON; `jsonp` wraps them where they are read with GET.
class LegacyRoutes {
public:
    LegacyRoutes(CoreLoop& loop, Reader& reader, std::shared_ptr<const MasterFacts> facts)
        : loop_(loop), reader_(reader), facts_(std::move(facts)) {}

    using Response = http::Response;
    using Request = http::Request;
    using Call = std::function<asio::awaitable<Response>(LegacyRoutes&, Request)>;

    /// Adds them all. `bind` makes a handler of a call on an object that may come to exist later.
    static void add_to(http::Router& router, const std::function<http::Handler(Call)>& bind);

private:
    asio::awaitable<Response> whole(Request request, const char* name,
                                    std::string (*render)(const Snapshot&));
    asio::awaitable<Response> filtered(Request request, const char* name, const char* parameter,
                                       std::string (*render)(const Snapshot&,
                                                             const std::optional<std::string>&));
    asio::awaitable<Response> tasks(Request request);
    asio::awaitable<Response> metrics(Request request);
    asio::awaitable<Response> prometheus(Request request);
    asio::awaitable<Response> redirect(Request request);
    asio::awaitable<Response> weights(Request request);
    asio::awaitable<Response> put_weights(Request request);
    asio::awaitable<Response> quota(Request request);
    asio::awaitable<Response> teardown(Request request);

    CoreLoop& loop_;
    Reader& reader_;
    const std::shared_ptr<const MasterFacts> facts_;
};

}  // namespace tepui::master
