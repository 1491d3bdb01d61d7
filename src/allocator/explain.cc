// What stands between clients and agents, said in the order in which a visit looks at it.
#include "allocator/explain.h"

#include <algorithm>
#include <utility>

#include "allocator/allocator_impl.h"
#include "resources/entry.h"

namespace tepui::allocator {

namespace {

constexpr std::size_t roles_max = 10;

void add(Quantities& sum, const std::string& name, Quantity amount) {
    if (amount.milli != 0) sum[name] += amount;
}

void add(Quantities& sum, const Resources& resources) {
    for (const auto& entry : resources.entries()) add(sum, entry.name, entry.scalar());
}

/// What one client finds on one agent.
struct Verdict {
    std::vector<Obstacle> obstacles;
    Resources offer;
    std::optional<Instant> until;
};

/// Notes for whom `entry` is reserved, if not for `own` role, and how that could be undone: by
/// calls, from the last reservation on, but for a static one, which is always the first.
void note_reservation(ExplainedClass& group, const Resources::Entry& entry, const AgentId& agent,
                      std::string_view own) {
    if (!entry.is_reserved() || role_is_within(own, entry.reservation_role())) return;
    using Reservation = mesos::v1::Resource::ReservationInfo;
    const Reservation& first = entry.details->reservations.front();
    const Reservation& last = entry.details->reservations.back();
    if (group.reserved_for.size() < roles_max) group.reserved_for.insert(last.role());
    if (last.type() == Reservation::DYNAMIC && group.dynamic_for.size() < roles_max)
        group.dynamic_for.emplace(last.role(), agent);
    const bool out_of_reach =
        first.type() == Reservation::STATIC && !role_is_within(own, first.role());
    if (out_of_reach && group.static_for.size() < roles_max)
        group.static_for.emplace(first.role(), agent);
}

/// Gathers verdicts that are alike.
class Classes {
public:
    explicit Classes(std::size_t examples_max) : examples_max_(examples_max) {}

    ExplainedClass& add(const Verdict& verdict, const Resources& free, const std::string& id,
                        const std::string& name) {
        auto& group = classes_[verdict.obstacles];
        if (++group.count <= examples_max_) group.examples.emplace_back(id, name);
        allocator::add(group.free, free);
        allocator::add(group.offerable, verdict.offer);
        if (verdict.until) {
            group.first_end = std::min(group.first_end.value_or(*verdict.until), *verdict.until);
            group.last_end = std::max(group.last_end.value_or(*verdict.until), *verdict.until);
        }
        return group;
    }

    /// What may be offered first, then the largest.
    std::vector<ExplainedClass> take() {
        std::vector<ExplainedClass> result;
        for (auto& [obstacles, group] : classes_) {
            group.obstacles = obstacles;
            result.push_back(std::move(group));
        }
        std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
            const bool a_open = a.obstacles.empty();
            const bool b_open = b.obstacles.empty();
            if (a_open != b_open) return a_open;
            return a.count != b.count ? a.count > b.count : a.obstacles < b.obstacles;
        });
        return result;
    }

private:
    const std::size_t examples_max_;
    std::map<std::vector<Obstacle>, ExplainedClass> classes_;
};

}  // namespace

std::string_view cause_name(Cause cause) {
    switch (cause) {
        case Cause::paused: return "paused";
        case Cause::framework_inactive: return "framework_inactive";
        case Cause::suppressed: return "suppressed";
        case Cause::agent_inactive: return "agent_inactive";
        case Cause::not_whitelisted: return "not_whitelisted";
        case Cause::gpus: return "gpus";
        case Cause::region: return "region";
        case Cause::constraint: return "constraint";
        case Cause::kept: return "kept";
        case Cause::nothing_free: return "nothing_free";
        case Cause::offered: return "offered";
        case Cause::reserved: return "reserved";
        case Cause::capability: return "capability";
        case Cause::below_minimum: return "below_minimum";
        case Cause::quota_limit: return "quota_limit";
        case Cause::headroom: return "headroom";
        case Cause::declined: return "declined";
        case Cause::shared_in_turn: return "shared_in_turn";
    }
    return "";
}

/// One question. Brings forward what the next round would do first (stale sums), so that it sees
/// what that would see; nothing else changes.
class Allocator::Impl::Explainer {
public:
    Explainer(Impl& impl, const ExplainContext& context, Instant now)
        : impl_(impl), context_(context), now_(now) {
        impl_.settle_sums();
    }

    ClientExplanation of(const Framework& framework, const std::string& name, const Role& role) {
        ClientExplanation result;
        result.framework = framework.id;
        result.role = name;
        result.active = framework.active;
        result.suppressed = role.suppressed;
        describe(role.client, result);
        Classes classes(context_.examples_max);
        spread(
            impl_.agents_.size(),
            [&](std::size_t place) { return impl_.agents_[place] != nullptr; },
            impl_.agent_handles_.size(),
            [&](std::size_t place) {
                auto& agent = *impl_.agents_[place];
                const auto verdict = judge(framework, role, agent);
                auto& group =
                    classes.add(verdict, agent.free, agent.id.value, agent.info.hostname());
                add_details(group, verdict, agent, name);
            });
        result.agents = impl_.agent_handles_.size();
        result.examined = examined_;
        result.classes = classes.take();
        if (headroom_matters_) result.kept_for = kept_for(*impl_.clients_[role.client].top);
        return result;
    }

    AgentExplanation of(Agent& agent) {
        impl_.refresh_free(agent);
        AgentExplanation result{agent.id,
                                agent.info.hostname(),
                                agent.deactivated,
                                agent.unlisted,
                                agent.total,
                                agent.free,
                                0,
                                0,
                                {}};
        std::vector<std::pair<const Framework*, decltype(Framework::roles)::const_iterator>> pairs;
        for (const auto& [id, handle] :
             std::map(impl_.framework_handles_.begin(), impl_.framework_handles_.end())) {
            const auto& framework = impl_.frameworks_[handle];
            for (auto role = framework.roles.begin(); role != framework.roles.end(); ++role) {
                if (framework.known && role->second.subscribed)
                    pairs.emplace_back(&framework, role);
            }
        }
        Classes classes(context_.examples_max);
        spread(
            pairs.size(), [](std::size_t) { return true; }, pairs.size(),
            [&](std::size_t place) {
                const auto& [framework, role] = pairs[place];
                const auto verdict = judge(*framework, role->second, agent);
                auto& group = classes.add(verdict, {}, framework->id.value, role->first);
                add_details(group, verdict, agent, role->first);
            });
        result.clients = pairs.size();
        result.examined = examined_;
        result.classes = classes.take();
        return result;
    }

private:
    /// Calls `use(place)` for all places below `size` that are `taken` (so many: `count`), or for
    /// as many, evenly spread, as may be looked at.
    template <typename Taken, typename Use>
    void spread(std::size_t size, Taken taken, std::size_t count, Use use) {
        const std::size_t most = std::min(count, context_.pairs_max);
        std::size_t seen = 0;
        for (std::size_t place = 0; place < size && examined_ < most; ++place) {
            if (!taken(place)) continue;
            // The k-th is looked at when the rounded-down share of `most` grows with it.
            if (++seen * most / count == examined_) continue;
            ++examined_;
            use(place);
        }
    }

    void describe(ClientHandle client, ClientExplanation& result) const {
        const auto& state = impl_.clients_[client];
        const auto standing = impl_.tree_.standing_of(client);
        result.share = standing.share;
        result.position = standing.position;
        result.competitors = standing.competitors;
        result.allocated = impl_.named(standing.held);
        result.filters = state.refusals;
        result.top_role = state.top->role;
    }

    Verdict judge(const Framework& framework, const Role& role, Agent& agent) {
        impl_.refresh_free(agent);
        Verdict verdict;
        const auto note = [&](bool applies, Cause cause) {
            if (applies) verdict.obstacles.push_back({cause, {}});
        };
        const auto& client = impl_.clients_[role.client];
        const auto missing = agent.required & ~client.capabilities;
        note(impl_.paused_, Cause::paused);
        note(!framework.active, Cause::framework_inactive);
        note(role.suppressed, Cause::suppressed);
        if (agent.deactivated) {
            std::string why = context_.why_inactive ? context_.why_inactive(agent.id) : "";
            verdict.obstacles.push_back({Cause::agent_inactive, {std::move(why)}});
        }
        note(agent.unlisted, Cause::not_whitelisted);
        note((missing & has_gpu) != 0, Cause::gpus);
        note((missing & has_region) != 0, Cause::region);
        note(client.is_picky && impl_.is_unwanted(agent, role.client), Cause::constraint);
        if (!agent.kept_for.empty() &&
            !role_is_within(impl_.tree_.role_of(role.client), agent.kept_for))
            verdict.obstacles.push_back({Cause::kept, {agent.kept_for}});
        if (agent.shared.empty()) {
            judge_free(role.client, agent, agent.free, verdict);
        } else {
            judge_free(role.client, agent, agent.free + agent.shared, verdict);
        }
        if (!verdict.obstacles.empty()) verdict.offer = {};
        return verdict;
    }

    void judge_free(ClientHandle client, Agent& agent, const Resources& all, Verdict& verdict) {
        if (!impl_.is_allocatable(client, all)) {
            const bool in_offers = impl_.is_allocatable(client, all + offered_on(agent));
            verdict.obstacles.push_back({in_offers     ? Cause::offered
                                         : all.empty() ? Cause::nothing_free
                                                       : Cause::below_minimum,
                                         {}});
            return;
        }
        verdict.offer = understood(client, all, verdict);
        if (!impl_.is_allocatable(client, verdict.offer)) return;
        if (!judge_quotas(client, verdict)) return;
        verdict.until = agent.refusals.blocked_until(client, verdict.offer, now_);
        if (verdict.until) {
            verdict.obstacles.push_back({Cause::declined, {}});
        } else if (waits_for_change(client, agent, verdict.offer)) {
            verdict.obstacles.push_back({Cause::shared_in_turn, {}});
        }
    }

    /// What the client may have of it; notes what keeps the rest from it if that is too little.
    Resources understood(ClientHandle client, const Resources& all, Verdict& verdict) {
        const auto& role = impl_.tree_.role_of(client);
        const auto capabilities = impl_.clients_[client].capabilities;
        reserved_ = false;
        lacking_.clear();
        const auto may_have = [&](const Resources::Entry& entry) {
            const bool mine =
                !entry.is_reserved() || role_is_within(role, entry.reservation_role());
            const auto lacks = [&](bool is_such, std::uint8_t bit, const char* name) {
                if (!is_such || (capabilities & bit) != 0) return false;
                if (mine) lacking_.insert(name);
                return true;
            };
            const bool revocable = lacks(entry.revocable, has_revocable, "REVOCABLE_RESOURCES");
            const bool shared = lacks(entry.shared, has_shared, "SHARED_RESOURCES");
            const bool refined =
                lacks(entry.is_refined(), has_refinement, "RESERVATION_REFINEMENT");
            if (!mine) reserved_ = true;
            return mine && !revocable && !shared && !refined;
        };
        const auto& entries = all.entries();
        Resources offer =
            std::all_of(entries.begin(), entries.end(), may_have) ? all : all.filter(may_have);
        if (!impl_.is_allocatable(client, offer)) {
            if (reserved_) verdict.obstacles.push_back({Cause::reserved, {}});
            if (!lacking_.empty()) verdict.obstacles.push_back({Cause::capability, lacking_});
        }
        return offer;
    }

    /// Cuts the offer; false, with the obstacle, when too little is left.
    bool judge_quotas(ClientHandle client, Verdict& verdict) {
        const auto& top = *impl_.clients_[client].top;
        impl_.book_.caps_for(&top, caps_);
        if (caps_.empty()) return true;
        Resources offer = verdict.offer;
        if (!cut(offer, impl_.capacity_, caps_) || impl_.is_allocatable(client, offer)) {
            verdict.offer = std::move(offer);
            return true;
        }
        Amounts limit = top.limits;
        for (auto& room : limit) {
            room.milli = std::max<std::int64_t>(0, room.milli - top.consumed_of(room.kind));
        }
        Amounts headroom;
        impl_.book_.caps_for(nullptr, headroom);
        for (auto& room : headroom) room.milli += top.unsatisfied(room.kind);
        const bool limited = is_too_little(client, verdict.offer, limit);
        const bool kept = is_too_little(client, verdict.offer, headroom);
        // Where neither is enough alone, it is both.
        if (limited || !kept) note_cut(Cause::quota_limit, limit, verdict);
        if (kept || !limited) {
            note_cut(Cause::headroom, headroom, verdict);
            headroom_matters_ = true;
        }
        return false;
    }

    bool is_too_little(ClientHandle client, Resources offer, const Amounts& caps) const {
        return cut(offer, impl_.capacity_, caps) && !impl_.is_allocatable(client, offer);
    }

    void note_cut(Cause cause, const Amounts& caps, Verdict& verdict) const {
        std::set<std::string> names;
        for (const auto& amount : impl_.capacity_.unreserved_of(verdict.offer)) {
            const bool over = std::any_of(caps.begin(), caps.end(), [&](const Amount& cap) {
                return cap.kind == amount.kind && cap.milli < amount.milli;
            });
            if (over) names.insert(impl_.capacity_.name_of(amount.kind));
        }
        verdict.obstacles.push_back({cause, std::move(names)});
    }

    /// Shared volumes in use are offered once in a round that visits their agent, and nothing says
    /// that the next one does.
    bool waits_for_change(ClientHandle client, const Agent& agent, const Resources& offer) const {
        const auto& state = impl_.clients_[client];
        return !agent.shared.empty() && offer.nonshared().empty() && !agent.dirty &&
               !agent.held_back && agent.pending.empty() && !state.dirty && state.refusals == 0 &&
               !state.top->withheld;
    }

    Resources offered_on(const Agent& agent) const {
        Resources sum;
        const auto* offers = context_.offered ? context_.offered(agent.id) : nullptr;
        if (!offers) return sum;
        for (const auto& [framework, resources] : *offers) sum += resources.unallocated();
        return sum;
    }

    void add_details(ExplainedClass& group, const Verdict& verdict, const Agent& agent,
                     const std::string& role) const {
        for (const auto& obstacle : verdict.obstacles) {
            if (obstacle.cause == Cause::nothing_free || obstacle.cause == Cause::below_minimum) {
                for (const auto& [framework, resources] : agent.used) {
                    for (const auto& entry : resources.entries()) {
                        add(group.holders[entry.allocation_role], entry.name, entry.scalar());
                    }
                }
            } else if (obstacle.cause == Cause::offered) {
                for (const auto& [framework, resources] : *context_.offered(agent.id)) {
                    add(group.offers[framework.value], resources);
                }
            } else if (obstacle.cause == Cause::reserved) {
                for (const auto& entry : agent.free.entries())
                    note_reservation(group, entry, agent.id, role);
            }
        }
    }

    std::vector<KeptFor> kept_for(const QuotaBook::Account& own) const {
        std::vector<KeptFor> result;
        for (const auto* account : impl_.book_.unsatisfied_accounts()) {
            if (account == &own || result.size() == roles_max) continue;
            result.push_back({account->role, impl_.lacking(*account)});
        }
        return result;
    }

    Impl& impl_;
    const ExplainContext& context_;
    const Instant now_;
    std::size_t examined_ = 0;
    bool headroom_matters_ = false;
    Amounts caps_;
    // Of the pair that is looked at.
    bool reserved_ = false;
    std::set<std::string> lacking_;
};

void Allocator::Impl::settle_sums() {
    // Stays listed: what the next round does with the list is not ours to take from it.
    for (const auto handle : recounts_) {
        if (agents_[handle] && agents_[handle]->to_recount) recount(*agents_[handle]);
    }
    if (!shares_are_stale_) return;
    tree_.refresh();
    shares_are_stale_ = false;
}

std::optional<ClientExplanation> Allocator::explain(const FrameworkId& framework,
                                                    const std::string& role,
                                                    const ExplainContext& context,
                                                    Instant now) const {
    const auto* known = impl_->find_framework(framework);
    if (!known || !known->known) return std::nullopt;
    const auto it = known->roles.find(role);
    if (it == known->roles.end() || !it->second.subscribed) return std::nullopt;
    return Impl::Explainer(*impl_, context, now).of(*known, role, it->second);
}

std::optional<AgentExplanation> Allocator::explain(const AgentId& agent,
                                                   const ExplainContext& context,
                                                   Instant now) const {
    auto* known = impl_->find_agent(agent);
    if (!known) return std::nullopt;
    return Impl::Explainer(*impl_, context, now).of(*known);
}

}  // namespace tepui::allocator
