#include "master/core/weights.h"

#include <algorithm>
#include <cmath>

#include "master/core/offers.h"
#include "resources/resources.h"

namespace tepui::master {

namespace {

// A role that only has descendants in use weighs for them.
bool in_use(const State& state, const std::string& role) {
    return std::ranges::any_of(state.frameworks, [&](const auto& entry) {
        return std::ranges::any_of(entry.second.roles, [&](const std::string& used) {
            return role_is_within(used, role);
        });
    });
}

double weight_of(const State& state, const std::string& role) {
    const auto it = state.weights.find(role);
    return it == state.weights.end() ? 1 : it->second;
}

void rescind_all_offers(Turn& turn) {
    for (auto& [id, agent] : turn.state.agents) rescind_offers_on(turn, agent);
}

void answer(Turn& turn, RequestToken request, Result<void> result) {
    turn.effects.emplace_back(AnswerRequest{request, std::move(result)});
}

}  // namespace

Result<std::map<std::string, double>> parse_weight_infos(
    const std::vector<mesos::v1::WeightInfo>& infos) {
    std::map<std::string, double> weights;
    for (const mesos::v1::WeightInfo& info : infos) {
        if (const auto valid = validate_role(info.role()); !valid) {
            return fail_with("Weight", valid.error());
        }
        if (!std::isfinite(info.weight()) || info.weight() <= 0) {
            return fail(Errc::invalid_argument,
                        "The weight {} of role '{}' is not a number above 0", info.weight(),
                        info.role());
        }
        weights.insert_or_assign(info.role(), info.weight());
    }
    return weights;
}

void recover_weights(Turn& turn, const Registry& registry) {
    State& state = turn.state;
    state.weights_stored = !registry.weights.empty();
    state.weights = state.weights_stored ? registry.weights : state.config.weights;
    for (const auto& [role, weight] : state.weights) state.allocator->set_weight(role, weight);
}

void on_requested(Turn& turn, const WeightsUpdateRequested& requested) {
    State& state = turn.state;
    auto parsed = parse_weight_infos(requested.infos);
    if (!parsed) return answer(turn, requested.request, std::unexpected(parsed.error()));
    for (const auto& [role, weight] : *parsed) {
        if (state.config.roles && !state.config.roles->contains(role)) {
            return answer(
                turn, requested.request,
                fail(Errc::invalid_argument, "Role '{}' is not among the master's --roles", role));
        }
    }
    if (parsed->empty()) return answer(turn, requested.request, {});
    std::map<std::string, double> stored = *parsed;
    // From here on the registry alone counts at a start, so it has to hold the configured ones too.
    if (!state.weights_stored) stored.insert(state.weights.begin(), state.weights.end());
    state.weights_stored = true;
    std::vector<RegistryWrite> writes;
    for (const auto& [role, weight] : stored) {
        writes.push_back({weight_key(role), encode_weight(role, weight)});
    }
    turn.persist(std::move(writes), WeightsStored{requested.request, std::move(*parsed)});
}

void on_weights_stored(Turn& turn, const WeightsStored& stored) {
    State& state = turn.state;
    bool shares_change = false;
    for (const auto& [role, weight] : stored.weights) {
        if (weight_of(state, role) != weight && in_use(state, role)) shares_change = true;
        turn.log(Severity::info, "Role {} has weight {}", role, weight);
        state.weights.insert_or_assign(role, weight);
        state.allocator->set_weight(role, weight);
    }
    turn.weights_changed();
    if (shares_change) rescind_all_offers(turn);
    answer(turn, stored.request, {});
}

}  // namespace tepui::master
