#include "master/core/offers.h"

#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "base/assert.h"
#include "master/core/inverse_offers.h"
#include "master/core/ledger.h"

namespace tepui::master {

namespace {

// Mesos' defaults: semantics section 5.
constexpr Duration refuse_default = std::chrono::seconds{5};
constexpr Duration refuse_max = std::chrono::days{365};

using Capability = mesos::v1::FrameworkInfo::Capability;

mesos::v1::Offer describe(const OfferId& id, const Agent& agent,
                          const allocator::Allocation& allocation) {
    mesos::v1::Offer offer;
    offer.mutable_id()->set_value(id.value);
    offer.mutable_framework_id()->set_value(allocation.framework.value);
    offer.mutable_agent_id()->set_value(agent.id.value);
    offer.set_hostname(agent.info->hostname());
    *offer.mutable_url() = agent_url(agent);
    if (agent.unavailability) *offer.mutable_unavailability() = *agent.unavailability;
    if (agent.info->has_domain()) *offer.mutable_domain() = agent.info->domain();
    *offer.mutable_resources() = allocation.resources.to_proto();
    *offer.mutable_attributes() = agent.info->attributes();
    const auto executors = agent.executors.find(allocation.framework);
    if (executors != agent.executors.end()) {
        for (const auto& [executor, record] : executors->second) {
            offer.add_executor_ids()->set_value(executor.value);
        }
    }
    offer.mutable_allocation_info()->set_role(allocation.role);
    return offer;
}

// What the client's capabilities let it understand.
mesos::v1::Offer for_client(const Framework& framework, const Offer& offer) {
    mesos::v1::Offer shown = *offer.info;
    const bool multi_role = framework.has_capability(Capability::MULTI_ROLE);
    if (!framework.has_capability(Capability::RESERVATION_REFINEMENT)) {
        *shown.mutable_resources() = offer.resources.to_proto_legacy();
    }
    if (!multi_role) {
        shown.clear_allocation_info();
        for (mesos::v1::Resource& resource : *shown.mutable_resources()) {
            resource.clear_allocation_info();
        }
    }
    return shown;
}

OfferId add_offer(Turn& turn, Framework& framework, Agent& agent,
                  allocator::Allocation&& allocation) {
    State& state = turn.state;
    const OfferId id{fmt::format("{}-O{}", state.info.id(), state.next_offer++)};
    hold_offered(turn, agent, framework.id, allocation.resources);
    auto info = std::make_shared<const mesos::v1::Offer>(describe(id, agent, allocation));
    state.offers.emplace(id, Offer{framework.id, agent.id, std::move(allocation.role),
                                   std::move(allocation.resources), std::move(info), turn.now});
    framework.offers.insert(id);
    agent.offers.insert(id);
    if (state.config.offer_timeout) {
        state.timers.set({TimerKey::Kind::offer, id.value},
                         turn.now.instant + *state.config.offer_timeout);
    }
    turn.changed(id);
    turn.changed(framework.id);
    return id;
}

}  // namespace

mesos::v1::URL agent_url(const Agent& agent) {
    mesos::v1::URL url;
    url.set_scheme("http");
    url.mutable_address()->set_hostname(agent.info->hostname());
    if (!agent.ip.empty()) url.mutable_address()->set_ip(agent.ip);
    url.mutable_address()->set_port(agent.info->port());
    url.set_path("/slave(1)");  // Where agents have always served; clients append to it.
    return url;
}

void make_offers(Turn& turn) {
    std::map<FrameworkId, mesos::v1::scheduler::Event> events;
    for (allocator::Allocation& allocation : turn.state.allocator->allocate(turn.now.instant)) {
        Framework* framework = turn.find_framework(allocation.framework);
        Agent* agent = turn.find_agent(allocation.agent);
        TEPUI_ASSERT_WHY(framework != nullptr && framework->connected() && agent != nullptr &&
                             agent->connected(),
                         "the allocator offers among active clients and agents only");
        const OfferId id = add_offer(turn, *framework, *agent, std::move(allocation));
        auto& event = events[framework->id];
        *event.mutable_offers()->add_offers() = for_client(*framework, turn.state.offers.at(id));
    }
    for (auto& [id, event] : events) {
        event.set_type(mesos::v1::scheduler::Event::OFFERS);
        turn.send(turn.state.frameworks.at(id), std::move(event));
    }
}

Offer take_offer(Turn& turn, const OfferId& id) {
    const auto it = turn.state.offers.find(id);
    TEPUI_ASSERT(it != turn.state.offers.end());
    Offer offer = std::move(it->second);
    turn.state.offers.erase(it);
    if (Framework* framework = turn.find_framework(offer.framework)) {
        framework->offers.erase(id);
        framework->tally.offers_held += turn.now.instant - offer.made_at.instant;
    }
    if (Agent* agent = turn.find_agent(offer.agent)) agent->offers.erase(id);
    turn.state.timers.cancel({TimerKey::Kind::offer, id.value});
    turn.changed(id);
    turn.changed(offer.framework);
    return offer;
}

void remove_offer(Turn& turn, const OfferId& id, bool rescind, std::optional<Duration> refuse) {
    const Offer offer = take_offer(turn, id);
    Agent* agent = turn.find_agent(offer.agent);
    Framework* framework = turn.find_framework(offer.framework);
    TEPUI_ASSERT_WHY(agent != nullptr && framework != nullptr,
                     "offers end before their agent and framework");
    release_offered(turn, *agent, offer.framework, offer.resources, refuse);
    if (!rescind) return;
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::RESCIND);
    event.mutable_rescind()->mutable_offer_id()->set_value(id.value);
    turn.send(*framework, std::move(event));
}

void remove_offers_of(Turn& turn, Framework& framework) {
    const std::set<OfferId> offers = framework.offers;
    for (const OfferId& id : offers) remove_offer(turn, id, /*rescind=*/false);
    remove_inverse_offers_of(turn, framework);
}

void rescind_offers_on(Turn& turn, Agent& agent) {
    const std::set<OfferId> offers = agent.offers;
    for (const OfferId& id : offers) remove_offer(turn, id, /*rescind=*/true);
}

void on_offer_due(Turn& turn, const OfferId& id) {
    if (!turn.state.offers.contains(id)) return;
    remove_offer(turn, id, /*rescind=*/true);
}

void on_requested(Turn& turn, const OffersRescindRequested& requested) {
    std::vector<std::string> unknown;
    for (const OfferId& id : requested.offers) {
        if (!turn.state.offers.contains(id)) unknown.push_back(id.value);
    }
    if (!unknown.empty()) {
        turn.effects.emplace_back(
            AnswerRequest{requested.request,
                          fail(Errc::not_found,
                               "Not outstanding, so nothing was taken back: {}; see /tepui/offers",
                               fmt::join(unknown, ", "))});
        return;
    }
    for (const OfferId& id : requested.offers) remove_offer(turn, id, /*rescind=*/true);
    turn.log(Severity::info, "An operator took {} offers back", requested.offers.size());
    turn.effects.emplace_back(AnswerRequest{requested.request, {}});
}

std::optional<Duration> refusal(const mesos::v1::Filters* filters) {
    if (filters == nullptr) return refuse_default;
    const double wanted = filters->refuse_seconds();
    if (std::isnan(wanted) || wanted < 0) return refuse_default;
    if (wanted == 0) return std::nullopt;
    return std::min(duration_from_seconds(wanted), refuse_max);
}

void on_decline(Turn& turn, Framework& framework,
                const mesos::v1::scheduler::Call::Decline& decline) {
    turn.count("messages_decline_offers");
    const auto refuse = refusal(decline.has_filters() ? &decline.filters() : nullptr);
    for (const auto& named : decline.offer_ids()) {
        const OfferId id{named.value()};
        if (!framework.offers.contains(id)) {
            turn.log(Severity::info,
                     "Ignoring DECLINE of offer {} by framework {}: no longer valid", id,
                     framework.id);
            continue;
        }
        remove_offer(turn, id, /*rescind=*/false, refuse);
        ++framework.tally.offers_declined;
    }
}

}  // namespace tepui::master
