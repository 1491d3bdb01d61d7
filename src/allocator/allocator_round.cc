// One round of allocation: which agents to visit, in which order, and what happens at each.
#include <algorithm>

#include "allocator/allocator_impl.h"
#include "allocator/visit_order.h"
#include "base/assert.h"
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

/// The visit of one agent. Shares do not move before it ends, so that the order it walks is the one
/// at its begin.
class Allocator::Impl::Visit {
public:
    Visit(Impl& impl, AgentHandle handle)
        : impl_(impl), agent_(*impl.agents_[handle]), stamp_(++impl.visits_) {}

    void run(std::vector<Allocation>& allocations) {
        refresh_free();
        remaining_ = agent_.shared.empty() ? agent_.free : agent_.free + agent_.shared;
        if (impl_.is_allocatable(remaining_)) {
            plain_ = is_plain(remaining_);
            if (plain_) agent_.refusals.blocked(remaining_, blocked_);
            offer_to_candidates();
            settle(allocations);
        }
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

    void refresh_free() {
        if (!agent_.free_is_stale) return;
        agent_.free = agent_.shared.empty() ? agent_.total : agent_.total.nonshared();
        agent_.free -= agent_.allocated;
        agent_.free_is_stale = false;
    }

    void offer_to_candidates() {
        for (const auto client : agent_.pending) impl_.clients_[client].stamp = stamp_;
        const auto count = agent_.pending.size() + impl_.dirty_clients_.size();
        if (!agent_.dirty && count <= sorted_candidates_max) {
            offer_to_few();
            return;
        }
        impl_.tree_.walk(
            [this](std::string_view role) { return may_take(role); },
            [this](ClientHandle client) { return is_candidate(client) && offer_to(client); });
    }

    void offer_to_few() {
        auto few = agent_.pending;
        few.insert(few.end(), impl_.dirty_clients_.begin(), impl_.dirty_clients_.end());
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
        if (plain_) {
            // All clients would get the same here, so the refusals were looked up in one go.
            if (is_set(blocked_, client)) return false;
            grants_.push_back({client, std::move(remaining_)});
            remaining_ = {};
            return true;
        }
        auto offer = understood_by(client, state.capabilities);
        if (offer.empty() || !impl_.is_allocatable(offer)) return false;
        if (agent_.refusals.blocks(client, offer)) return false;
        remaining_ -= offer;
        grants_.push_back({client, std::move(offer)});
        return is_over();
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

    void settle(std::vector<Allocation>& allocations) {
        for (auto& grant : grants_) {
            const auto framework = impl_.clients_[grant.client].framework;
            const auto& role = impl_.tree_.role_of(grant.client);
            agent_.free -= grant.resources;
            Allocation allocation{impl_.frameworks_[framework].id, role, agent_.id,
                                  grant.resources.allocated_to(role)};
            impl_.charge(agent_, framework, allocation.resources);
            agent_.free_is_stale = false;  // It was just kept up to date.
            allocations.push_back(std::move(allocation));
        }
    }

    Impl& impl_;
    Agent& agent_;
    const std::uint32_t stamp_;
    bool plain_ = false;
    Refusals::Mask blocked_;
    Resources remaining_;
    std::vector<Grant> grants_;
};

bool Allocator::Impl::is_allocatable(const Resources& resources) const {
    if (resources.empty()) return false;
    if (options_.min_allocatable.empty()) return true;
    return std::any_of(
        options_.min_allocatable.begin(), options_.min_allocatable.end(), [&](const auto& minimum) {
            return std::all_of(minimum.begin(), minimum.end(), [&](const auto& term) {
                return resources.scalar(term.first) >= term.second;
            });
        });
}

void Allocator::Impl::expire(Instant now) {
    while (!deadlines_.empty() && deadlines_.next() <= now) {
        const auto entry = deadlines_.pop();
        auto* agent = agents_[entry.agent].get();
        if (!agent || !agent->refusals.expire(entry.client, entry.group, entry.deadline)) continue;
        --refusal_count_;
        auto& client = clients_[entry.client];
        --client.refusals;
        if (!agent->active || !client.active) continue;  // Activation marks them.
        if (agent->pending.empty() && !agent->dirty) dirty_agents_.push_back(entry.agent);
        agent->pending.push_back(entry.client);
    }
}

/// Clients may have been suppressed or removed, and their numbers given to others, since marked.
void Allocator::Impl::tidy_dirty_clients() {
    std::sort(dirty_clients_.begin(), dirty_clients_.end());
    dirty_clients_.erase(std::unique(dirty_clients_.begin(), dirty_clients_.end()),
                         dirty_clients_.end());
    std::erase_if(dirty_clients_, [&](ClientHandle client) {
        auto& state = clients_[client];
        state.dirty = state.dirty && state.active;
        return !state.dirty;
    });
}

std::vector<Allocator::Impl::AgentHandle> Allocator::Impl::agents_to_visit() {
    std::vector<std::pair<std::uint64_t, AgentHandle>> order;
    const auto add = [&](AgentHandle handle) {
        order.emplace_back(visit_key(options_.seed, round_, agents_[handle]->serial), handle);
    };
    for (const auto handle : dirty_agents_) {
        if (agents_[handle] && agents_[handle]->active) add(handle);
    }
    if (!dirty_clients_.empty()) std::for_each(giving_.begin(), giving_.end(), add);
    std::sort(order.begin(), order.end());
    order.erase(std::unique(order.begin(), order.end()), order.end());
    std::vector<AgentHandle> agents;
    agents.reserve(order.size());
    for (const auto& [key, handle] : order) agents.push_back(handle);
    return agents;
}

bool Allocator::Impl::dirty() const {
    return !paused_ && (!dirty_agents_.empty() || !dirty_clients_.empty());
}

std::vector<Allocation> Allocator::Impl::allocate(Instant now) {
    if (paused_) return {};
    ++round_;
    expire(now);
    if (!dirty()) return {};
    if (shares_are_stale_) {
        tree_.refresh();
        shares_are_stale_ = false;
    }
    tidy_dirty_clients();
    std::vector<Allocation> allocations;
    for (const auto handle : agents_to_visit()) Visit(*this, handle).run(allocations);
    for (const auto client : dirty_clients_) clients_[client].dirty = false;
    dirty_clients_.clear();
    dirty_agents_.clear();
    return allocations;
}

}  // namespace tepui::allocator
