#include "master/core/quota.h"

#include <algorithm>
#include <vector>

#include "base/assert.h"
#include "master/core/offers.h"
#include "resources/quantities.h"

namespace tepui::master {

namespace {

using Only = QuotaUpdateRequested::Only;

bool share_a_name(const Quantities& a, const Quantities& b) {
    return std::ranges::any_of(a, [&](const auto& entry) { return b.contains(entry.first); });
}

/// What of `resources` counts against quota by being allocated.
Quantities countable(const Resources& resources) {
    return resources.unreserved().nonrevocable().scalars();
}

/// As they will be when all that is on its way to the registry has come there.
Quotas planned_quotas(const State& state) {
    Quotas planned = state.quotas;
    for (const auto& [token, continuation] : state.pending.continuations) {
        const auto* stored = std::get_if<QuotasStored>(&continuation);
        if (stored == nullptr) continue;
        for (const auto& [role, quota] : stored->quotas) {
            planned.insert_or_assign(role, quota.value_or(allocator::Quota{}));
        }
    }
    return planned;
}

Result<void> judge_presence(const Quotas& planned, const Quotas& wanted, Only only) {
    for (const auto& [role, quota] : wanted) {
        const auto it = planned.find(role);
        const bool present = it != planned.end() && !is_empty(it->second);
        if (only == Only::if_absent && present) {
            return fail(Errc::invalid_argument,
                        "Role '{}' has quota already; UPDATE_QUOTA changes it", role);
        }
        if (only == Only::if_present && !present) {
            return fail(Errc::invalid_argument, "Role '{}' has no quota", role);
        }
    }
    return {};
}

Quantities sum_of_guarantees(const Quotas& quotas) {
    Quantities sum;
    for (const auto& [role, quota] : quotas) add(sum, quota.guarantees);
    return sum;
}

Quantities capacity_of(const State& state) {
    Quantities capacity;
    for (const auto& [id, agent] : state.agents) {
        if (agent.active()) add(capacity, agent.total.nonrevocable().scalars());
    }
    return capacity;
}

/// Whether the cluster has what all guarantees come to. What was too much before is no reason to
/// refuse what does not add to it.
Result<void> judge_capacity(const State& state, const Quotas& planned, const Quotas& wanted,
                            Errc code) {
    Quotas after = planned;
    for (const auto& [role, quota] : wanted) after.insert_or_assign(role, quota);
    const Quantities before_sum = sum_of_guarantees(planned);
    const Quantities capacity = capacity_of(state);
    for (const auto& [name, sum] : sum_of_guarantees(after)) {
        if (sum <= amount_of(before_sum, name) || sum <= amount_of(capacity, name)) continue;
        return fail(code,
                    "All roles together would be guaranteed {} {}, and the agents have {}; 'force' "
                    "sets it nevertheless",
                    to_string(sum), name, to_string(amount_of(capacity, name)));
    }
    return {};
}

/// Whether the roles keep what they have. A limit that stays as it is needs no new judgement.
Result<void> judge_limits(const State& state, const Quotas& planned, const Quotas& wanted) {
    const auto holdings = role_holdings(state);
    for (const auto& [role, quota] : wanted) {
        const auto holding = holdings.find(role);
        if (holding == holdings.end()) continue;
        const auto before = planned.find(role);
        for (const auto& [name, limit] : quota.limits) {
            const Quantity consumed = amount_of(holding->second.consumed, name);
            if (consumed <= limit) continue;
            if (before != planned.end() && before->second.limits.contains(name) &&
                before->second.limits.at(name) <= limit) {
                continue;
            }
            return fail(Errc::invalid_argument,
                        "Role '{}' has {} {} already, which is above the limit of {}; 'force' sets "
                        "it nevertheless, and ends no task",
                        role, to_string(consumed), name, to_string(limit));
        }
    }
    return {};
}

Result<void> judge(const State& state, const Quotas& wanted,
                   const QuotaUpdateRequested& requested) {
    for (const auto& [role, quota] : wanted) {
        if (state.config.roles && !state.config.roles->contains(role)) {
            return fail(Errc::invalid_argument, "Role '{}' is not among the master's --roles",
                        role);
        }
    }
    const Quotas planned = planned_quotas(state);
    TEPUI_CHECK_OK(judge_presence(planned, wanted, requested.only));
    if (requested.force) return {};
    const Errc overcommitted =
        requested.only == Only::any ? Errc::invalid_argument : Errc::conflict;
    TEPUI_CHECK_OK(judge_capacity(state, planned, wanted, overcommitted));
    return judge_limits(state, planned, wanted);
}

void answer(Turn& turn, RequestToken request, Result<void> result) {
    turn.effects.emplace_back(AnswerRequest{request, std::move(result)});
}

std::map<std::string, std::vector<OfferId>> offers_by_role(const State& state) {
    std::map<std::string, std::vector<OfferId>> offers;
    for (const auto& [id, offer] : state.offers) offers[top_level_role(offer.role)].push_back(id);
    return offers;
}

/// Rescinds offers of the role that have of what it holds too much, until it doesn't.
void rescind_above_limits(Turn& turn, const std::vector<OfferId>& offers, Quantities held,
                          const Quantities& limits) {
    for (const OfferId& id : offers) {
        const Quantities offered = countable(turn.state.offers.at(id).resources);
        const bool helps = std::ranges::any_of(offered, [&](const auto& entry) {
            const auto limit = limits.find(entry.first);
            return limit != limits.end() && amount_of(held, entry.first) > limit->second;
        });
        if (!helps) continue;
        held = lacking(held, offered);
        remove_offer(turn, id, /*rescind=*/true);
    }
}

/// Rescinds the offers that other roles have on agents, agent by agent, until `needed` is among
/// what was rescinded.
void rescind_for_guarantee(Turn& turn, const std::string& role, Quantities needed) {
    for (auto& [agent_id, agent] : turn.state.agents) {
        if (needed.empty()) return;
        std::vector<OfferId> of_others;
        Quantities offered;
        for (const OfferId& id : agent.offers) {
            const Offer& offer = turn.state.offers.at(id);
            if (top_level_role(offer.role) == role) continue;
            of_others.push_back(id);
            add(offered, countable(offer.resources));
        }
        if (!share_a_name(needed, offered)) continue;
        needed = lacking(needed, offered);
        for (const OfferId& id : of_others) remove_offer(turn, id, /*rescind=*/true);
    }
}

/// What the role lacks of guarantees that are higher than they were; all it lacks, if one is.
Quantities newly_owed(const allocator::Quota& before, const allocator::Quota& after,
                      const Quantities& held) {
    const bool raised = std::ranges::any_of(after.guarantees, [&](const auto& entry) {
        return entry.second > amount_of(before.guarantees, entry.first);
    });
    if (!raised) return {};
    return lacking(after.guarantees, held);
}

/// The role's new quota, here and in the allocator; gives what it was.
allocator::Quota apply(Turn& turn, const std::string& role,
                       const std::optional<allocator::Quota>& quota) {
    State& state = turn.state;
    const auto it = state.quotas.find(role);
    const allocator::Quota before = it == state.quotas.end() ? allocator::Quota{} : it->second;
    if (quota) {
        // Also an empty one: Mesos lists a role that was given no limits any more (recorded).
        state.quotas.insert_or_assign(role, *quota);
    } else {
        state.quotas.erase(role);
    }
    if (quota && !is_empty(*quota)) {
        turn.log(Severity::info, "Role {} is guaranteed {} and limited to {}", role,
                 to_text(quota->guarantees),
                 quota->limits.empty() ? "no amount" : to_text(quota->limits));
        state.allocator->set_quota(role, *quota);
    } else {
        turn.log(Severity::info, "Role {} has no quota any more", role);
        state.allocator->remove_quota(role);
    }
    return before;
}

}  // namespace

std::map<std::string, RoleHolding> role_holdings(const State& state) {
    std::map<std::string, RoleHolding> holdings;
    for (const auto& [id, agent] : state.agents) {
        for (const std::string& role : agent.total.reserved_roles()) {
            const Quantities part = agent.total.reserved_for(role).nonrevocable().scalars();
            RoleHolding& holding = holdings[top_level_role(role)];
            add(holding.consumed, part);
            add(holding.held, part);
        }
        for (const auto* shares : {&agent.used, &agent.offered}) {
            for (const auto& [framework, resources] : *shares) {
                for (const auto& [role, part] : resources.by_allocation_role()) {
                    RoleHolding& holding = holdings[top_level_role(role)];
                    const Quantities amounts = countable(part);
                    add(holding.held, amounts);
                    if (shares == &agent.used) add(holding.consumed, amounts);
                }
            }
        }
    }
    return holdings;
}

void recover_quotas(Turn& turn, const Registry& registry) {
    for (const auto& [role, config] : registry.quotas) {
        auto parsed = parse_quota_config(config);
        TEPUI_ASSERT_WHY(parsed.has_value(), "decode_registry() admits valid ones only");
        turn.state.allocator->set_quota(role, parsed->second);
        turn.state.quotas.insert(std::move(*parsed));
    }
}

void on_requested(Turn& turn, const QuotaUpdateRequested& requested) {
    auto wanted = parse_quota_configs(requested.configs);
    if (!wanted) return answer(turn, requested.request, std::unexpected(wanted.error()));
    if (auto judged = judge(turn.state, *wanted, requested); !judged) {
        return answer(turn, requested.request, std::move(judged));
    }
    if (wanted->empty()) return answer(turn, requested.request, {});
    std::vector<RegistryWrite> writes;
    QuotasStored stored{requested.request, {}};
    for (auto& [role, quota] : *wanted) {
        std::optional<std::string> record;
        if (!is_empty(quota)) record = encode_quota(to_quota_config(role, quota));
        writes.push_back({quota_key(role), std::move(record)});
        if (requested.only == Only::if_present && is_empty(quota)) {
            stored.quotas.emplace(role, std::nullopt);
        } else {
            stored.quotas.emplace(role, std::move(quota));
        }
    }
    turn.persist(std::move(writes), std::move(stored));
}

void on_quotas_stored(Turn& turn, const QuotasStored& stored) {
    const auto holdings = role_holdings(turn.state);
    const auto offers = offers_by_role(turn.state);
    std::map<std::string, Quantities> owed;
    for (const auto& [role, quota] : stored.quotas) {
        const allocator::Quota before = apply(turn, role, quota);
        if (!quota) continue;
        const auto holding = holdings.find(role);
        const Quantities held = holding == holdings.end() ? Quantities{} : holding->second.held;
        if (const auto it = offers.find(role); it != offers.end()) {
            rescind_above_limits(turn, it->second, held, quota->limits);
        }
        owed.emplace(role, newly_owed(before, *quota, held));
    }
    for (auto& [role, needed] : owed) rescind_for_guarantee(turn, role, std::move(needed));
    turn.quotas_changed();
    answer(turn, stored.request, {});
}

}  // namespace tepui::master
