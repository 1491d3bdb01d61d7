#include "master/explanations.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "master/core/priorities.h"
#include "master/core/quota_config.h"
#include "resources/quantities.h"

namespace tepui::master {

namespace {

using allocator::ExplainContext;

/// For questions that look at `clients` times as many pairs as one does.
ExplainContext context_for(const State& state, std::size_t clients) {
    ExplainContext context;
    context.offered = [&state](const AgentId& id) -> const std::map<FrameworkId, Resources>* {
        const auto it = state.agents.find(id);
        return it == state.agents.end() ? nullptr : &it->second.offered;
    };
    context.why_inactive = [&state](const AgentId& id) { return why_inactive(state, id); };
    context.pairs_max =
        std::max<std::size_t>(context.pairs_max / std::max<std::size_t>(clients, 1), 1);
    return context;
}

std::string name_of(const State& state, const FrameworkId& id) {
    const auto it = state.frameworks.find(id);
    return it == state.frameworks.end() ? "" : it->second.info->name();
}

/// By framework, of some offers.
template <typename Offers>
std::vector<OfferHolder> holders_of(const State& state, const Offers& offers, Instant now) {
    std::map<FrameworkId, OfferHolder> holders;
    std::map<FrameworkId, std::set<AgentId>> agents;
    for (const Offer* offer : offers) {
        OfferHolder& holder = holders[offer->framework];
        ++holder.offers;
        agents[offer->framework].insert(offer->agent);
        add(holder.amounts, offer->resources.scalars());
        holder.oldest = std::max(holder.oldest, now - offer->made_at.instant);
    }
    std::vector<OfferHolder> result;
    for (auto& [id, holder] : holders) {
        holder.framework = id;
        holder.name = name_of(state, id);
        holder.agents = agents[id].size();
        result.push_back(std::move(holder));
    }
    std::ranges::sort(result, [](const OfferHolder& a, const OfferHolder& b) {
        return std::tie(b.oldest, a.framework) < std::tie(a.oldest, b.framework);
    });
    return result;
}

std::vector<const Offer*> offers_among(const State& state, const std::set<OfferId>& ids) {
    std::vector<const Offer*> offers;
    for (const OfferId& id : ids) {
        if (const auto it = state.offers.find(id); it != state.offers.end())
            offers.push_back(&it->second);
    }
    return offers;
}

std::vector<OfferHolder> hoarders(const State& state, Instant now) {
    auto holders = offer_holders(state, now);
    if (holders.size() > hoarders_shown_max) holders.resize(hoarders_shown_max);
    return holders;
}

bool is_known_role(const State& state, const std::string& role) {
    return state.weights.contains(role) || state.quotas.contains(role) ||
           state.priorities.contains(role);
}

/// The one of `ids` that is meant; several or none are an error about `what`.
template <typename Id>
Result<Id> only_one(const std::vector<Id>& ids, std::string_view what, const std::string& wanted) {
    if (ids.empty()) return fail(Errc::not_found, "No {} '{}'", what, wanted);
    if (ids.size() == 1) return ids.front();
    constexpr std::size_t named_max = 5;
    std::vector<std::string> names;
    for (const Id& id : ids) {
        if (names.size() < named_max) names.push_back(id.value);
    }
    return fail(Errc::conflict, "{} {}s are called '{}'; say which: {}{}", ids.size(), what, wanted,
                fmt::join(names, ", "), ids.size() > named_max ? ", ..." : "");
}

Result<FrameworkId> find_framework(const State& state, const std::string& wanted) {
    std::vector<FrameworkId> found;
    for (const auto& [id, framework] : state.frameworks) {
        if (framework.phase == Framework::Phase::removing) continue;
        if (id.value == wanted) return id;
        if (framework.info->name() == wanted) found.push_back(id);
    }
    return only_one(found, "framework", wanted);
}

Result<AgentId> find_agent(const State& state, const std::string& wanted) {
    std::vector<AgentId> found;
    for (const auto& [id, agent] : state.agents) {
        if (id.value == wanted) return id;
        const std::string& hostname = agent.info->hostname();
        if (hostname == wanted || fmt::format("{}:{}", hostname, agent.info->port()) == wanted)
            found.push_back(id);
    }
    return only_one(found, "registered agent", wanted);
}

}  // namespace

std::string why_inactive(const State& state, const AgentId& id) {
    const auto it = state.agents.find(id);
    if (it == state.agents.end() || !it->second.connected()) return "disconnected";
    if (const auto drain = state.drains.find(id); drain != state.drains.end())
        return drain->second.state() == mesos::v1::DRAINED ? "drained" : "draining";
    return it->second.deactivated ? "deactivated" : "";
}

std::vector<OfferHolder> offer_holders(const State& state, Instant now) {
    std::vector<const Offer*> offers;
    offers.reserve(state.offers.size());
    for (const auto& [id, offer] : state.offers) offers.push_back(&offer);
    return holders_of(state, offers, now);
}

std::vector<HeldOffer> held_offers(const State& state, Instant now) {
    std::vector<HeldOffer> result;
    result.reserve(state.offers.size());
    for (const auto& [id, offer] : state.offers) {
        result.push_back({id, offer.framework, name_of(state, offer.framework), offer.role,
                          offer.agent, offer.info->hostname(), offer.resources.scalars(),
                          now - offer.made_at.instant});
    }
    std::ranges::sort(result, [](const HeldOffer& a, const HeldOffer& b) {
        return std::tie(b.age, a.id) < std::tie(a.age, b.id);
    });
    return result;
}

Result<ExplainedRole> explain_role(const State& state, const std::string& role, Instant now) {
    ExplainedRole result;
    result.role = role;
    result.band = band_of(state, top_level_role(role));
    result.standings = state.allocator->standing(role);
    const auto clients = state.allocator->clients_of(role);
    if (clients.empty() && result.standings.empty() && !is_known_role(state, role)) {
        return fail(Errc::not_found,
                    "Nobody is in role '{}', and it has neither quota, weight nor priority", role);
    }
    result.clients_total = clients.size();
    const auto context = context_for(state, std::min(clients.size(), clients_shown_max));
    for (const FrameworkId& id : clients) {
        if (result.clients.size() == clients_shown_max) break;
        auto explained = state.allocator->explain(id, role, context, now);
        if (explained) result.clients.push_back({name_of(state, id), std::move(*explained)});
    }
    result.hoarders = hoarders(state, now);
    return result;
}

Result<ExplainedFramework> explain_framework(const State& state, const std::string& wanted,
                                             Instant now) {
    const FrameworkId id = TEPUI_TRY(find_framework(state, wanted));
    const Framework& framework = state.frameworks.at(id);
    ExplainedFramework result;
    result.id = id;
    result.name = framework.info->name();
    result.active = framework.active();
    const auto context = context_for(state, framework.roles.size());
    for (const std::string& role : framework.roles) {
        auto explained = state.allocator->explain(id, role, context, now);
        if (!explained) continue;
        result.clients.push_back({result.name, std::move(*explained)});
        result.standings[role] = state.allocator->standing(role);
    }
    const auto held = holders_of(state, offers_among(state, framework.offers), now);
    if (!held.empty()) result.offers = held.front();
    result.hoarders = hoarders(state, now);
    return result;
}

Result<ExplainedAgent> explain_agent(const State& state, const std::string& wanted, Instant now) {
    const AgentId id = TEPUI_TRY(find_agent(state, wanted));
    const Agent& agent = state.agents.at(id);
    auto explained = state.allocator->explain(id, context_for(state, 1), now);
    if (!explained) return fail(Errc::unavailable, "Agent {} is just registering", id);
    ExplainedAgent result;
    result.explanation = std::move(*explained);
    result.why_inactive = why_inactive(state, id);
    for (const std::string& role : agent.total.reserved_roles())
        result.reserved[role] = agent.total.reserved_for(role).scalars();
    for (const auto& [framework, resources] : agent.used)
        result.used.push_back({framework, name_of(state, framework), resources.scalars()});
    result.offered = holders_of(state, offers_among(state, agent.offers), now);
    return result;
}

}  // namespace tepui::master
