#include "master/core/priorities.h"

#include "master/core/quota_config.h"
#include "resources/resources.h"

namespace tepui::master {

namespace {

Result<void> check(const State& state, const PrioritiesUpdateRequested& requested) {
    for (const auto& [role, band] : requested.priorities) {
        if (const auto valid = validate_role(role); !valid) {
            return fail_with("Priority", valid.error());
        }
        if (const std::string top = top_level_role(role); top != role) {
            return fail(Errc::invalid_argument,
                        "Role '{}' has the priority of the role at its top: give it to '{}'", role,
                        top);
        }
        if (state.config.roles && !state.config.roles->contains(role)) {
            return fail(Errc::invalid_argument, "Role '{}' is not among the master's --roles",
                        role);
        }
    }
    return {};
}

}  // namespace

std::int32_t band_of(const State& state, const std::string& top) {
    const auto it = state.priorities.find(top);
    return it == state.priorities.end() ? 0 : it->second;
}

void recover_priorities(Turn& turn, const Registry& registry) {
    turn.state.priorities = registry.priorities;
    for (const auto& [role, band] : registry.priorities) {
        turn.state.allocator->set_band(role, band);
    }
}

void on_requested(Turn& turn, const PrioritiesUpdateRequested& requested) {
    if (auto checked = check(turn.state, requested); !checked || requested.priorities.empty()) {
        turn.effects.emplace_back(AnswerRequest{requested.request, std::move(checked)});
        return;
    }
    std::vector<RegistryWrite> writes;
    for (const auto& [role, band] : requested.priorities) {
        writes.push_back({priority_key(role),
                          band == 0 ? std::nullopt : std::optional{encode_priority(role, band)}});
    }
    turn.persist(std::move(writes), PrioritiesStored{requested.request, requested.priorities});
}

void on_priorities_stored(Turn& turn, const PrioritiesStored& stored) {
    State& state = turn.state;
    for (const auto& [role, band] : stored.priorities) {
        turn.log(Severity::info, "Role '{}' has priority {}", role, band);
        if (band == 0) {
            state.priorities.erase(role);
        } else {
            state.priorities.insert_or_assign(role, band);
        }
        state.allocator->set_band(role, band);
    }
    turn.priorities_changed();
    turn.effects.emplace_back(AnswerRequest{stored.request, {}});
}

}  // namespace tepui::master
