// The visit of one agent: who is asked, in which order, and what each may have.
#include <algorithm>

#include "allocator/allocator_impl.h"
#include "allocator/visit_order.h"
#include "resources/entry.h"

namespace tepui::allocator {

namespace {

// Up to this many candidates are sorted for each agent; for more, walking the whole tree is
// cheaper.
constexpr std::size_t sorted_candidates_max = 32;

bool is_plain(const Resources& resources) {
    const auto& entries = resources.entries();
    return std::all_of(entries.begin(), entries.end(), [](const Resources::Entry& entry) {
        return !entry.is_reserved() && !entry.revocable && !entry.shared;
    });
}

}  // namespace

/// Shares do not move before the visit ends, so that the order it walks is the one at its begin.
/// What counts against quotas is charged with each grant.
class Allocator::Impl::Visit {
public:
    Visit(Impl& impl, AgentHandle handle, Stage stage)
        : impl_(impl), agent_(*impl.agents_[handle]), stage_(stage), stamp_(++impl.visits_) {}

    void run(std::vector<Allocation>& allocations) {
        impl_.refresh_free(agent_);
        remaining_ = on_offer();
        if (impl_.is_allocatable(remaining_)) {
            plain_ = is_plain(remaining_);
            for (const auto client : agent_.pending) impl_.clients_[client].stamp = stamp_;
            if (stage_ == Stage::guarantees) {
                offer_to_hungry();
            } else {
                offer_to_candidates();
            }
            settle(allocations);
        }
        if (stage_ == Stage::guarantees) return;
        agent_.pending.clear();
        agent_.dirty = false;
        impl_.set_giving(agent_,
                         impl_.is_allocatable(agent_.shared.empty() ? agent_.free
                                                                    : agent_.free + agent_.shared));
    }

private:
    struct Grant {
        ClientHandle client = 0;
        Resources resources;  // Without allocation role.
    };

    /// What is free, and the shared volumes that were not offered in this round.
    Resources on_offer() const {
        if (agent_.shared.empty()) return agent_.free;
        const auto offered = impl_.offered_shared_.find(agent_.handle);
        if (offered == impl_.offered_shared_.end()) return agent_.free + agent_.shared;
        return agent_.free + (agent_.shared - offered->second);
    }

    template <typename Visit>
    void walk(Visit visit) {
        impl_.tree_.walk(
            lots_key(impl_.options_.seed, impl_.round_, agent_.serial),
            [this](std::string_view role) { return may_take(role); }, visit);
    }

    void offer_to_candidates() {
        const auto count = agent_.pending.size() + impl_.dirty_clients_.size();
        if (!agent_.dirty && count <= sorted_candidates_max && !impl_.tree_.is_random()) {
            auto few = agent_.pending;
            few.insert(few.end(), impl_.dirty_clients_.begin(), impl_.dirty_clients_.end());
            offer_to(std::move(few));
            return;
        }
        walk([this](ClientHandle client) { return is_candidate(client) && offer_to(client); });
    }

    void offer_to_hungry() {
        std::vector<ClientHandle> few;
        for (const auto& [role, top] : impl_.book_.hungry()) {
            if (few.size() + top->clients.size() > sorted_candidates_max) {
                few.clear();
                break;
            }
            few.insert(few.end(), top->clients.begin(), top->clients.end());
        }
        if (!few.empty() && !impl_.tree_.is_random()) {
            std::erase_if(few, [&](ClientHandle client) { return !is_candidate(client); });
            offer_to(std::move(few));
            return;
        }
        walk([this](ClientHandle client) {
            return impl_.clients_[client].top->is_hungry() && is_candidate(client) &&
                   offer_to(client);
        });
    }

    void offer_to(std::vector<ClientHandle> few) {
        std::erase_if(few, [&](ClientHandle client) { return !impl_.clients_[client].active; });
        std::sort(few.begin(), few.end(),
                  [&](ClientHandle a, ClientHandle b) { return impl_.tree_.before(a, b); });
        few.erase(std::unique(few.begin(), few.end()), few.end());
        for (const auto client : few) {
            if (offer_to(client)) return;
        }
    }

    bool is_candidate(ClientHandle client) const {
        const auto& state = impl_.clients_[client];
        return agent_.dirty || state.dirty || state.stamp == stamp_;
    }

    /// Whether something here could go to the role or to one below it.
    bool may_take(std::string_view role) const {
        if (plain_) return true;
        const auto& entries = remaining_.entries();
        return std::any_of(entries.begin(), entries.end(), [&](const Resources::Entry& entry) {
            return !entry.is_reserved() || role_is_within(role, entry.reservation_role()) ||
                   role_is_within(entry.reservation_role(), role);
        });
    }

    /// Whether nobody can be found that takes what remains.
    bool is_over() const {
        if (!impl_.is_allocatable(remaining_)) return true;
        const auto& entries = remaining_.entries();
        return std::all_of(entries.begin(), entries.end(), [&](const Resources::Entry& entry) {
            return entry.is_reserved() && !impl_.tree_.has_active_within(entry.reservation_role());
        });
    }

    /// Returns whether the visit is over.
    bool offer_to(ClientHandle client) {
        const auto& state = impl_.clients_[client];
        if ((state.capabilities & agent_.required) != agent_.required) return false;
        if (!agent_.kept_for.empty() &&
            !role_is_within(impl_.tree_.role_of(client), agent_.kept_for))
            return false;
        if (state.is_picky && impl_.is_unwanted(agent_, client)) return false;
        if (plain_ && !state.top->has_quota() && !state.has_minimum) return offer_common(client);
        if (plain_ && state.top->exhausted && !state.has_minimum) {
            state.top->withheld = true;
            return false;
        }
        // Who still lacks part of its guarantee was asked in the first stage.
        auto offer = plain_ ? remaining_ : understood_by(client, state.capabilities);
        impl_.book_.caps_for(state.top, caps_);
        if (!caps_.empty() && cut(offer, impl_.capacity_, caps_)) note_cut(*state.top);
        if (stage_ == Stage::guarantees && !is_progress(*state.top, offer)) return false;
        if (!impl_.is_allocatable(client, offer)) return false;
        if (agent_.refusals.blocks(client, offer)) return false;
        remaining_ -= offer;
        grant(client, std::move(offer));
        return is_over();
    }

    /// To one of those that would all get the same here, so that the refusals are looked up in one
    /// go.
    bool offer_common(ClientHandle client) {
        if (!common_is_known_) find_common();
        if (!common_is_allocatable_) {
            // All others would get even less, unless a guarantee lets them.
            return impl_.minimums_.empty() && impl_.book_.hungry().empty();
        }
        if (is_set(blocked_, client)) return false;
        if (common_is_all_) {
            grant(client, std::move(remaining_));
            remaining_ = {};
            return true;
        }
        remaining_ -= common_;
        grant(client, std::move(common_));
        return is_over();
    }

    void find_common() {
        common_is_known_ = true;
        impl_.book_.caps_for(nullptr, caps_);
        common_is_all_ = true;
        if (!caps_.empty()) {
            common_ = remaining_;
            if (cut(common_, impl_.capacity_, caps_)) {
                common_is_all_ = false;
                hold_back();
            }
        }
        const auto& common = common_is_all_ ? remaining_ : common_;
        common_is_allocatable_ = impl_.is_enough_for_most(common);
        if (common_is_allocatable_) agent_.refusals.blocked(common, blocked_);
    }

    void note_cut(QuotaBook::Account& top) {
        if (top.has_quota()) top.withheld = true;
        if (impl_.book_.keeps_headroom()) hold_back();
    }

    void hold_back() {
        if (agent_.held_back) return;
        agent_.held_back = true;
        impl_.held_back_.push_back(agent_.handle);
    }

    /// Whether the role gets something that its guarantee still lacks.
    bool is_progress(const QuotaBook::Account& top, const Resources& offer) const {
        const auto amounts = impl_.capacity_.unreserved_of(offer);
        return std::any_of(amounts.begin(), amounts.end(), [&](const Amount& amount) {
            return amount.milli > 0 && top.unsatisfied(amount.kind) > 0;
        });
    }

    Resources understood_by(ClientHandle client, std::uint8_t capabilities) const {
        const auto& role = impl_.tree_.role_of(client);
        return remaining_.filter([&](const Resources::Entry& entry) {
            if (entry.revocable && !(capabilities & has_revocable)) return false;
            if (entry.shared && !(capabilities & has_shared)) return false;
            if (entry.is_refined() && !(capabilities & has_refinement)) return false;
            return !entry.is_reserved() || role_is_within(role, entry.reservation_role());
        });
    }

    void grant(ClientHandle client, Resources offer) {
        const auto amounts = impl_.capacity_.unreserved_of(offer);
        impl_.book_.consume(*impl_.clients_[client].account, amounts, 1);
        if (impl_.book_.has_guarantees()) {
            impl_.book_.add_available(amounts, -1);
            for (const auto& amount : amounts) {
                for (auto& counted : agent_.counted) {
                    if (counted.kind == amount.kind) counted.milli -= amount.milli;
                }
            }
        }
        if (stage_ == Stage::guarantees && !agent_.shared.empty()) {
            impl_.offered_shared_[agent_.handle] += offer.shared();
        }
        common_is_known_ = false;
        grants_.push_back({client, std::move(offer)});
    }

    void settle(std::vector<Allocation>& allocations) {
        for (auto& grant : grants_) {
            const auto framework = impl_.clients_[grant.client].framework;
            const auto& role = impl_.tree_.role_of(grant.client);
            agent_.free -= grant.resources;
            Allocation allocation{impl_.frameworks_[framework].id, role, agent_.id,
                                  grant.resources.allocated_to(role)};
            impl_.charge_granted(agent_, framework, allocation.resources);
            allocations.push_back(std::move(allocation));
        }
    }

    Impl& impl_;
    Agent& agent_;
    const Stage stage_;
    const std::uint32_t stamp_;
    bool plain_ = false;
    Amounts caps_;
    // What a client of a role without quota gets of a plain agent.
    bool common_is_known_ = false;
    bool common_is_all_ = false;
    bool common_is_allocatable_ = false;
    Resources common_;  // Unless it is all that remains.
    Refusals::Mask blocked_;
    Resources remaining_;
    std::vector<Grant> grants_;
};

void Allocator::Impl::visit(AgentHandle agent, Stage stage, std::vector<Allocation>& allocations) {
    Visit(*this, agent, stage).run(allocations);
}

}  // namespace tepui::allocator
