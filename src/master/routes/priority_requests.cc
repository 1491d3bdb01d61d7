#include "master/routes/priority_requests.h"

#include <limits>

#include <simdjson.h>

#include "daemon/await_callback.h"
#include "wire/json_writer.h"

namespace tepui::master {

using http::Response;

Result<std::map<std::string, std::int32_t>> parse_priorities(std::string_view body) {
    constexpr auto least = std::numeric_limits<std::int32_t>::min();
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(body.data(), body.size()).get(object) != simdjson::SUCCESS) {
        return fail(Errc::invalid_argument,
                    R"(The body has to be an object of roles and their bands: {{"prod": 10}})");
    }
    std::map<std::string, std::int32_t> priorities;
    for (const auto& [role, value] : object) {
        std::int64_t band = 0;
        if (value.get(band) != simdjson::SUCCESS || band < least || band > most) {
            return fail(Errc::invalid_argument,
                        "The priority of role '{}' is not a whole number from {} to {}", role,
                        least, most);
        }
        if (!priorities.emplace(role, static_cast<std::int32_t>(band)).second) {
            return fail(Errc::invalid_argument, "Role '{}' is named twice", role);
        }
    }
    return priorities;
}

std::string render_priorities(const Snapshot& snapshot) {
    std::string body;
    wire::JsonWriter json(body);
    json.begin_object();
    for (const auto& [role, band] : *snapshot.priorities) {
        json.key(role).value(std::int64_t{band});
    }
    json.end_object();
    return body;
}

http::asio::awaitable<Response> put_priorities(CoreLoop& loop, http::Request request) {
    auto priorities = parse_priorities(request.body);
    if (!priorities) co_return Response::error(priorities.error());
    auto start = [&loop, &priorities](std::function<void(Result<void>)> done) {
        loop.post_priorities(std::move(*priorities), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    co_return result ? Response::empty(200) : Response::error(result.error());
}

}  // namespace tepui::master
