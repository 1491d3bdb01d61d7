#include "master/core_numbers.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "resources/task_state.h"

namespace tepui::master {
namespace {

using Metrics = std::map<std::string, double>;
using google::protobuf::EnumDescriptor;

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

/// A framework's name as part of a metric's: everything but letters, digits and "-._~" is escaped.
std::string percent_encoded(const std::string& text) {
    std::string result;
    for (const unsigned char c : text) {
        if (std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
            result += static_cast<char>(c);
        } else {
            result += fmt::format("%{:02X}", c);
        }
    }
    return result;
}

/// PREFIX is the sum, PREFIX/<value> the count of each value but UNKNOWN (0).
void add_counts(Metrics& metrics, const std::string& prefix, const CountByNumber& counts,
                const EnumDescriptor& values) {
    metrics[prefix] = static_cast<double>(counts.sum());
    for (int i = 0; i < values.value_count(); ++i) {
        const auto& value = *values.value(i);
        if (value.number() == 0) continue;
        metrics[prefix + "/" + lower(value.name())] =
            static_cast<double>(counts.of(value.number()));
    }
}

void add_tasks(Metrics& metrics, const std::string& prefix, const CountByNumber& active,
               const CountByNumber& ended) {
    const EnumDescriptor& states = *mesos::v1::TaskState_descriptor();
    for (int i = 0; i < states.value_count(); ++i) {
        const auto state = static_cast<mesos::v1::TaskState>(states.value(i)->number());
        const bool over = is_terminal(state);
        metrics[prefix + (over ? "/terminal/" : "/active/") + lower(states.value(i)->name())] =
            static_cast<double>((over ? ended : active).of(state));
    }
}

/// Of each framework of `numbers`, and of all.
void note_oldest_offers(CoreNumbers& numbers, const State& state) {
    std::map<FrameworkId, WallTime> oldest;
    for (const auto& [id, offer] : state.offers) {
        numbers.oldest_offer =
            std::min(numbers.oldest_offer.value_or(offer.made_at.wall), offer.made_at.wall);
        const auto [it, is_first] = oldest.try_emplace(offer.framework, offer.made_at.wall);
        if (!is_first) it->second = std::min(it->second, offer.made_at.wall);
    }
    for (FrameworkNumbers& one : numbers.frameworks) {
        if (const auto it = oldest.find(one.id); it != oldest.end()) one.oldest_offer = it->second;
    }
}

/// For how long; 0 without an offer.
double held_secs(const std::optional<WallTime>& since, WallTime now) {
    if (!since) return 0;
    return std::max(0.0,
                    std::chrono::duration<double>(now.since_epoch - since->since_epoch).count());
}

}  // namespace

CoreNumbers core_numbers(const State& state) {
    CoreNumbers numbers;
    numbers.counters = state.counters;
    numbers.fair_sharing_excluded = state.config.fair_sharing_excluded;
    for (const auto& [id, framework] : state.frameworks) {
        FrameworkNumbers& one = numbers.frameworks.emplace_back();
        one = {id, framework.info, framework.tally, framework.connected(), {}, {}};
        for (const std::string& role : framework.roles) {
            one.roles.emplace_back(role, framework.suppressed_roles.contains(role));
        }
    }
    note_oldest_offers(numbers, state);
    numbers.active_filters = state.allocator->active_filters();
    for (const auto& completed : state.completed_frameworks) {
        numbers.frameworks.push_back({FrameworkId{completed->info->id().value()},
                                      completed->info,
                                      completed->tally,
                                      false,
                                      {},
                                      {}});
    }
    return numbers;
}

void add_framework_metrics(Metrics& metrics, const FrameworkNumbers& numbers,
                           const CountByNumber& active, WallTime now) {
    using Call = mesos::v1::scheduler::Call;
    using Event = mesos::v1::scheduler::Event;
    const std::string prefix =
        fmt::format("master/frameworks/{}/{}/", percent_encoded(numbers.info->name()), numbers.id);
    const FrameworkTally& tally = numbers.tally;
    metrics[prefix + "subscribed"] = numbers.subscribed ? 1 : 0;
    metrics[prefix + "offers/sent"] = static_cast<double>(tally.offers_sent);
    metrics[prefix + "offers/accepted"] = static_cast<double>(tally.offers_accepted);
    metrics[prefix + "offers/declined"] = static_cast<double>(tally.offers_declined);
    metrics[prefix + "offers/rescinded"] = static_cast<double>(tally.offers_rescinded);
    metrics[prefix + "offers/held_secs"] = std::chrono::duration<double>(tally.offers_held).count();
    metrics[prefix + "offers/oldest_secs"] = held_secs(numbers.oldest_offer, now);
    add_counts(metrics, prefix + "calls", tally.calls, *Call::Type_descriptor());
    add_counts(metrics, prefix + "events", tally.events, *Event::Type_descriptor());
    add_counts(metrics, prefix + "operations", tally.operations,
               *mesos::v1::Offer::Operation::Type_descriptor());
    add_tasks(metrics, prefix + "tasks", active, tally.ended);
    for (const auto& [role, suppressed] : numbers.roles) {
        metrics[fmt::format("{}roles/{}/suppressed", prefix, role)] = suppressed ? 1 : 0;
    }
}

void add_offer_metrics(Metrics& metrics, const CoreNumbers& numbers, WallTime now) {
    metrics["master/offers/oldest_secs"] = held_secs(numbers.oldest_offer, now);
    for (const auto& [role, count] : numbers.active_filters) {
        metrics["allocator/mesos/offer_filters/roles/" + role + "/active"] =
            static_cast<double>(count);
    }
}

}  // namespace tepui::master
