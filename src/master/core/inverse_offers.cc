#include "master/core/inverse_offers.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "master/core/machines.h"
#include "master/core/offers.h"

namespace tepui::master {

namespace {

using Status = mesos::v1::allocator::InverseOfferStatus;
using OfferIds = google::protobuf::RepeatedPtrField<mesos::v1::OfferID>;
using Events = std::map<FrameworkId, mesos::v1::scheduler::Event>;

TimerKey timer_of(const AgentId& id) { return {TimerKey::Kind::inverse_offers, id.value}; }

std::set<FrameworkId> asked_on(const State& state, const Agent& agent) {
    std::set<FrameworkId> frameworks;
    for (const OfferId& id : agent.inverse_offers) {
        const InverseOffer& offer = state.inverse_offers.at(id);
        if (!offer.displaces) frameworks.insert(offer.framework);
    }
    return frameworks;
}

std::set<FrameworkId> holders(const Agent& agent) {
    std::set<FrameworkId> frameworks;
    for (const auto& [id, resources] : agent.offered) frameworks.insert(id);
    for (const auto& [id, resources] : agent.used) frameworks.insert(id);
    return frameworks;
}

/// Completes `offer` and enters it into all tables.
const mesos::v1::InverseOffer& add(Turn& turn, Framework& framework, Agent& agent, bool displaces,
                                   mesos::v1::InverseOffer offer) {
    State& state = turn.state;
    const OfferId id{fmt::format("{}-O{}", state.info.id(), state.next_offer++)};
    offer.mutable_id()->set_value(id.value);
    *offer.mutable_url() = agent_url(agent);
    offer.mutable_framework_id()->set_value(framework.id.value);
    offer.mutable_agent_id()->set_value(agent.id.value);
    const auto info = std::make_shared<const mesos::v1::InverseOffer>(std::move(offer));
    state.inverse_offers.emplace(id, InverseOffer{framework.id, agent.id, displaces, info});
    framework.inverse_offers.insert(id);
    agent.inverse_offers.insert(id);
    return *info;
}

void ask(Turn& turn, Framework& framework, Agent& agent, Events& events) {
    mesos::v1::InverseOffer offer;
    *offer.mutable_unavailability() = *agent.unavailability;
    *events[framework.id].mutable_inverse_offers()->add_inverse_offers() =
        add(turn, framework, agent, false, std::move(offer));
}

void ask_on(Turn& turn, Agent& agent, Events& events) {
    if (agent.unavailability == nullptr || !agent.active() || agent.removing) return;
    const std::set<FrameworkId> asked = asked_on(turn.state, agent);
    Instant next = Instant::max();
    for (const FrameworkId& id : holders(agent)) {
        Framework* framework = turn.find_framework(id);
        if (framework == nullptr || !framework->connected() || asked.contains(id)) continue;
        const auto filter = framework->inverse_filters.find(agent.id);
        if (filter != framework->inverse_filters.end()) {
            if (filter->second > turn.now.instant) {
                next = std::min(next, filter->second);
                continue;
            }
            framework->inverse_filters.erase(filter);
        }
        ask(turn, *framework, agent, events);
    }
    if (next == Instant::max()) {
        turn.state.timers.cancel(timer_of(agent.id));
    } else {
        turn.state.timers.set(timer_of(agent.id), next);
    }
}

InverseOffer take_inverse_offer(Turn& turn, const OfferId& id) {
    State& state = turn.state;
    const auto it = state.inverse_offers.find(id);
    TEPUI_ASSERT(it != state.inverse_offers.end());
    InverseOffer offer = std::move(it->second);
    state.inverse_offers.erase(it);
    if (Framework* framework = turn.find_framework(offer.framework)) {
        framework->inverse_offers.erase(id);
    }
    if (Agent* agent = turn.find_agent(offer.agent)) agent->inverse_offers.erase(id);
    return offer;
}

void record_answer(Turn& turn, const FrameworkId& framework, const Agent& agent,
                   Status::Status answer) {
    State& state = turn.state;
    const Machine* machine = find_machine(state.machines, agent.info->hostname(), agent.ip);
    if (machine == nullptr) return;
    Status status;
    status.set_status(answer);
    status.mutable_framework_id()->set_value(framework.value);
    status.mutable_timestamp()->set_nanoseconds(turn.now.wall.since_epoch.count());
    state.machines.at(machine_key(machine->id))
        .answers.insert_or_assign(framework, std::move(status));
    turn.maintenance_changed();
}

void on_answers(Turn& turn, Framework& framework, const OfferIds& ids,
                const mesos::v1::Filters* filters, Status::Status answer) {
    const Duration refused = std::max(refusal(filters).value_or(Duration::zero()),
                                      turn.state.config.allocation_interval);
    for (const auto& named : ids) {
        const OfferId id{named.value()};
        if (!framework.inverse_offers.contains(id)) {
            turn.log(Severity::info,
                     "Ignoring an answer of framework {} to inverse offer {}: no longer valid",
                     framework.id, id);
            continue;
        }
        const InverseOffer offer = take_inverse_offer(turn, id);
        if (offer.displaces) continue;  // What counts is what is free when its time is over.
        const Agent& agent = turn.state.agents.at(offer.agent);
        record_answer(turn, framework.id, agent, answer);
        framework.inverse_filters.insert_or_assign(offer.agent, turn.now.instant + refused);
        turn.state.agents_to_review.insert(offer.agent);  // Sets the timer.
    }
}

}  // namespace

void make_inverse_offers(Turn& turn, const std::set<AgentId>& agents) {
    Events events;
    for (const AgentId& id : agents) {
        if (Agent* agent = turn.find_agent(id)) ask_on(turn, *agent, events);
    }
    for (auto& [id, event] : events) {
        event.set_type(mesos::v1::scheduler::Event::INVERSE_OFFERS);
        turn.send(turn.state.frameworks.at(id), std::move(event));
    }
}

void on_accept_inverse_offers(Turn& turn, Framework& framework,
                              const mesos::v1::scheduler::Call::AcceptInverseOffers& accept) {
    on_answers(turn, framework, accept.inverse_offer_ids(),
               accept.has_filters() ? &accept.filters() : nullptr, Status::ACCEPT);
}

void on_decline_inverse_offers(Turn& turn, Framework& framework,
                               const mesos::v1::scheduler::Call::DeclineInverseOffers& decline) {
    on_answers(turn, framework, decline.inverse_offer_ids(),
               decline.has_filters() ? &decline.filters() : nullptr, Status::DECLINE);
}

void on_inverse_offers_due(Turn& turn, const AgentId& id) {
    if (turn.state.watched_agents.contains(id)) turn.state.agents_to_review.insert(id);
}

void revive_inverse_offers(Turn& turn, Framework& framework) {
    for (const auto& [id, until] : framework.inverse_filters) on_inverse_offers_due(turn, id);
    framework.inverse_filters.clear();
}

OfferId ask_back(Turn& turn, Framework& framework, Agent& agent, const Resources& resources,
                 WallTime until) {
    mesos::v1::InverseOffer offer;
    offer.mutable_unavailability()->mutable_start()->set_nanoseconds(until.since_epoch.count());
    *offer.mutable_resources() = resources.to_proto();
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::INVERSE_OFFERS);
    const auto& info = add(turn, framework, agent, true, std::move(offer));
    *event.mutable_inverse_offers()->add_inverse_offers() = info;
    turn.send(framework, std::move(event));
    return OfferId{info.id().value()};
}

void withdraw_inverse_offer(Turn& turn, const OfferId& id) {
    if (!turn.state.inverse_offers.contains(id)) return;
    const InverseOffer offer = take_inverse_offer(turn, id);
    mesos::v1::scheduler::Event event;
    event.set_type(mesos::v1::scheduler::Event::RESCIND_INVERSE_OFFER);
    event.mutable_rescind_inverse_offer()->mutable_inverse_offer_id()->set_value(id.value);
    turn.send(turn.state.frameworks.at(offer.framework), std::move(event));
}

void rescind_inverse_offers_on(Turn& turn, Agent& agent, bool all) {
    const std::set<OfferId> offers = agent.inverse_offers;
    for (const OfferId& id : offers) {
        if (all || !turn.state.inverse_offers.at(id).displaces) withdraw_inverse_offer(turn, id);
    }
}

void remove_inverse_offers_of(Turn& turn, Framework& framework) {
    const std::set<OfferId> offers = framework.inverse_offers;
    for (const OfferId& id : offers) take_inverse_offer(turn, id);
    framework.inverse_filters.clear();
}

void forget_inverse_filters(Turn& turn, const AgentId& id) {
    for (auto& [framework_id, framework] : turn.state.frameworks) {
        framework.inverse_filters.erase(id);
    }
    turn.state.timers.cancel(timer_of(id));
}

void forget_inverse_answers(Turn& turn, const FrameworkId& id) {
    bool changed = false;
    for (auto& [key, machine] : turn.state.machines) changed |= machine.answers.erase(id) > 0;
    if (changed) turn.maintenance_changed();
}

}  // namespace tepui::master
