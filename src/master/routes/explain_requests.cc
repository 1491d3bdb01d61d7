#include "master/routes/explain_requests.h"

#include <simdjson.h>

#include <chrono>
#include <set>

#include "daemon/await_callback.h"
#include "daemon/json_response.h"
#include "master/snapshot/legacy_json.h"
#include "wire/json_writer.h"

namespace tepui::master {

namespace {

using allocator::ExplainedClass;
using http::Request;
using http::Response;
using wire::JsonWriter;

double seconds(Duration span) { return std::chrono::duration<double>(span).count(); }

void write_amounts(JsonWriter& json, const char* name, const Quantities& amounts) {
    json.key(name);
    write_quantities(json, amounts);
}

void write_standings(JsonWriter& json, const std::vector<allocator::RoleStanding>& standings) {
    json.begin_array();
    for (const auto& standing : standings) {
        json.begin_object().key("role").value(standing.role);
        json.key("weight").value(standing.weight).key("share").value(standing.share);
        json.key("position").value(std::uint64_t{standing.position});
        json.key("competitors").value(std::uint64_t{standing.competitors});
        write_amounts(json, "allocated", standing.allocated);
        write_amounts(json, "guarantees", standing.guarantees);
        write_amounts(json, "limits", standing.limits);
        write_amounts(json, "consumed", standing.consumed);
        write_amounts(json, "lacking", standing.lacking);
        json.end_object();
    }
    json.end_array();
}

template <typename Key>
void write_by_key(JsonWriter& json, const char* name, const std::map<Key, Quantities>& amounts) {
    json.key(name).begin_object();
    for (const auto& [key, of_key] : amounts) {
        json.key(key);
        write_quantities(json, of_key);
    }
    json.end_object();
}

void write_names(JsonWriter& json, const char* key, const std::set<std::string>& names) {
    json.key(key).begin_array();
    for (const std::string& name : names) json.value(name);
    json.end_array();
}

void write_agents(JsonWriter& json, const char* key,
                  const std::map<std::string, AgentId>& by_role) {
    json.key(key).begin_object();
    for (const auto& [role, agent] : by_role) json.key(role).value(agent.value);
    json.end_object();
}

void write_class(JsonWriter& json, const ExplainedClass& one, Instant now) {
    json.begin_object().key("causes").begin_array();
    for (const auto& obstacle : one.obstacles) {
        json.begin_object().key("cause").value(allocator::cause_name(obstacle.cause));
        write_names(json, "names", obstacle.names);
        json.end_object();
    }
    json.end_array().key("count").value(std::uint64_t{one.count});
    json.key("examples").begin_array();
    for (const auto& [id, name] : one.examples)
        json.begin_object().key("id").value(id).key("name").value(name).end_object();
    json.end_array();
    write_amounts(json, "free", one.free);
    write_amounts(json, "offerable", one.offerable);
    write_by_key(json, "holders", one.holders);
    write_by_key(json, "offers", one.offers);
    write_names(json, "reserved_for", one.reserved_for);
    write_agents(json, "dynamic_for", one.dynamic_for);
    write_agents(json, "static_for", one.static_for);
    json.key("filters_end_secs");
    if (one.first_end && one.last_end) {
        json.begin_array().value(seconds(*one.first_end - now));
        json.value(seconds(*one.last_end - now)).end_array();
    } else {
        json.null();
    }
    json.end_object();
}

void write_classes(JsonWriter& json, const std::vector<ExplainedClass>& classes, Instant now) {
    json.key("classes").begin_array();
    for (const ExplainedClass& one : classes) write_class(json, one, now);
    json.end_array();
}

void write_clients(JsonWriter& json, const std::vector<ExplainedClient>& clients, Instant now) {
    json.key("clients").begin_array();
    for (const auto& [name, client] : clients) {
        json.begin_object().key("framework_id").value(client.framework.value);
        json.key("framework_name").value(name).key("role").value(client.role);
        json.key("active").value(client.active).key("suppressed").value(client.suppressed);
        json.key("share").value(client.share);
        json.key("position").value(std::uint64_t{client.position});
        json.key("competitors").value(std::uint64_t{client.competitors});
        write_amounts(json, "allocated", client.allocated);
        json.key("filters").value(std::uint64_t{client.filters});
        json.key("agents").value(std::uint64_t{client.agents});
        json.key("examined").value(std::uint64_t{client.examined});
        write_classes(json, client.classes, now);
        json.key("kept_for").begin_array();
        for (const auto& kept : client.kept_for) {
            json.begin_object().key("role").value(kept.role);
            write_amounts(json, "lacking", kept.lacking);
            json.end_object();
        }
        json.end_array().end_object();
    }
    json.end_array();
}

void write_holder(JsonWriter& json, const OfferHolder& holder) {
    json.begin_object().key("framework_id").value(holder.framework.value);
    json.key("framework_name").value(holder.name);
    json.key("offers").value(std::uint64_t{holder.offers});
    json.key("agents").value(std::uint64_t{holder.agents});
    write_amounts(json, "amounts", holder.amounts);
    json.key("oldest_secs").value(seconds(holder.oldest)).end_object();
}

void write_holders(JsonWriter& json, const char* name, const std::vector<OfferHolder>& holders) {
    json.key(name).begin_array();
    for (const OfferHolder& holder : holders) write_holder(json, holder);
    json.end_array();
}

Result<std::set<OfferId>> posted_offers(std::string_view body) {
    const auto bad =
        fail(Errc::invalid_argument, R"(The body has to be an object: {{"offer_ids": ["..."]}})");
    simdjson::dom::parser parser;
    simdjson::dom::array ids;
    if (parser.parse(body.data(), body.size())["offer_ids"].get(ids) != simdjson::SUCCESS)
        return bad;
    std::set<OfferId> offers;
    for (const auto& id : ids) {
        std::string_view text;
        if (id.get(text) != simdjson::SUCCESS || text.empty()) return bad;
        offers.insert(OfferId{std::string(text)});
    }
    if (offers.empty()) return bad;
    return offers;
}

/// What the renderings of the three kinds have in common.
template <typename Explained>
Result<Reader::Rendering> rendering_of(Result<Explained> explained, Instant now) {
    if (!explained) return std::unexpected(explained.error());
    auto kept = std::make_shared<const Explained>(std::move(*explained));
    return Reader::Rendering{[kept, now] { return render_explanation(*kept, now); }};
}

}  // namespace

std::string render_explanation(const ExplainedRole& role, Instant now) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().key("role").value(role.role);
    json.key("band").value(std::int64_t{role.band}).key("standings");
    write_standings(json, role.standings);
    write_clients(json, role.clients, now);
    json.key("clients_total").value(std::uint64_t{role.clients_total});
    write_holders(json, "hoarders", role.hoarders);
    json.end_object();
    return body;
}

std::string render_explanation(const ExplainedFramework& framework, Instant now) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().key("framework").begin_object();
    json.key("id").value(framework.id.value).key("name").value(framework.name);
    json.key("active").value(framework.active).end_object();
    write_clients(json, framework.clients, now);
    json.key("standings").begin_object();
    for (const auto& [role, standings] : framework.standings) {
        json.key(role);
        write_standings(json, standings);
    }
    json.end_object().key("offers");
    if (framework.offers) {
        write_holder(json, *framework.offers);
    } else {
        json.null();
    }
    write_holders(json, "hoarders", framework.hoarders);
    json.end_object();
    return body;
}

std::string render_explanation(const ExplainedAgent& agent, Instant now) {
    const allocator::AgentExplanation& explanation = agent.explanation;
    std::string body;
    JsonWriter json(body);
    json.begin_object().key("agent").begin_object();
    json.key("id").value(explanation.agent.value).key("hostname").value(explanation.hostname);
    json.key("deactivated").value(explanation.deactivated);
    json.key("whitelisted").value(!explanation.not_whitelisted);
    json.key("why_inactive").value(agent.why_inactive).end_object();
    write_amounts(json, "total", explanation.total.scalars());
    write_amounts(json, "free", explanation.free.scalars());
    write_by_key(json, "reserved", agent.reserved);
    json.key("used").begin_array();
    for (const AgentUse& use : agent.used) {
        json.begin_object().key("framework_id").value(use.framework.value);
        json.key("framework_name").value(use.name);
        write_amounts(json, "amounts", use.amounts);
        json.end_object();
    }
    json.end_array();
    write_holders(json, "offered", agent.offered);
    json.key("clients_total").value(std::uint64_t{explanation.clients});
    json.key("examined").value(std::uint64_t{explanation.examined});
    write_classes(json, explanation.classes, now);
    json.end_object();
    return body;
}

std::string render_held_offers(const std::vector<HeldOffer>& offers) {
    std::string body;
    JsonWriter json(body);
    json.begin_object().key("offers").begin_array();
    for (const HeldOffer& offer : offers) {
        json.begin_object().key("id").value(offer.id.value);
        json.key("framework_id").value(offer.framework.value);
        json.key("framework_name").value(offer.framework_name).key("role").value(offer.role);
        json.key("agent_id").value(offer.agent.value).key("hostname").value(offer.hostname);
        write_amounts(json, "amounts", offer.amounts);
        json.key("age_secs").value(seconds(offer.age)).end_object();
    }
    json.end_array().end_object();
    return body;
}

asio::awaitable<Response> answer_explain(Reader& reader, Request request) {
    const auto parameter = [&request](std::string_view name) {
        return std::string(request.query_value(name).value_or(""));
    };
    const std::string role = parameter("role");
    const std::string framework = parameter("framework");
    const std::string agent = parameter("agent");
    if (int{!role.empty()} + int{!framework.empty()} + int{!agent.empty()} != 1) {
        co_return Response::text(400,
                                 "The query has to name one of 'role', 'framework' and 'agent'");
    }
    auto body =
        co_await reader.asked_body([&](const State& state, Now now) -> Result<Reader::Rendering> {
            const Instant instant = now.instant;
            if (!role.empty()) return rendering_of(explain_role(state, role, instant), instant);
            if (!framework.empty())
                return rendering_of(explain_framework(state, framework, instant), instant);
            return rendering_of(explain_agent(state, agent, instant), instant);
        });
    if (!body) co_return Response::error(body.error());
    co_return daemon::json_response(request, std::move(*body));
}

asio::awaitable<Response> answer_offers(Reader& reader, Request request) {
    auto body =
        co_await reader.asked_body([](const State& state, Now now) -> Result<Reader::Rendering> {
            auto offers = held_offers(state, now.instant);
            return Reader::Rendering{[offers] { return render_held_offers(offers); }};
        });
    if (!body) co_return Response::error(body.error());
    co_return daemon::json_response(request, std::move(*body));
}

asio::awaitable<Response> answer_rescind_offer(CoreLoop& loop, Request request) {
    auto offers = posted_offers(request.body);
    if (!offers) co_return Response::error(offers.error());
    auto start = [&loop, &offers](std::function<void(Result<void>)> done) {
        loop.post_rescind(std::move(*offers), std::move(done));
    };
    const Result<void> result = co_await daemon::await_callback<Result<void>>(std::move(start));
    co_return result ? Response::empty(200) : Response::error(result.error());
}

}  // namespace tepui::master
