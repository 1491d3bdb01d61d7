// One round of allocation: which agents to visit, and in which order.
#include <algorithm>

#include "allocator/allocator_impl.h"
#include "allocator/visit_order.h"

namespace tepui::allocator {

namespace {

bool is_enough(const Resources& resources, const std::vector<Quantities>& minimums) {
    if (resources.empty()) return false;
    if (minimums.empty()) return true;
    return std::any_of(minimums.begin(), minimums.end(), [&](const auto& minimum) {
        return std::all_of(minimum.begin(), minimum.end(), [&](const auto& term) {
            return resources.scalar(term.first) >= term.second;
        });
    });
}

}  // namespace

bool Allocator::Impl::is_allocatable(ClientHandle client, const Resources& resources) const {
    return is_enough(
        resources, clients_[client].has_minimum ? minimums_.at(client) : options_.min_allocatable);
}

bool Allocator::Impl::is_enough_for_most(const Resources& resources) const {
    return is_enough(resources, options_.min_allocatable);
}

bool Allocator::Impl::is_allocatable(const Resources& resources) const {
    return minimums_.empty() ? is_enough_for_most(resources) : !resources.empty();
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

/// Marks whom more room below a limit, a guarantee that is less satisfied or more headroom could
/// give something.
void Allocator::Impl::open_quotas() {
    for (const auto handle : recounts_) {
        if (agents_[handle] && agents_[handle]->to_recount) recount(*agents_[handle]);
    }
    recounts_.clear();
    for (auto* top : book_.opened_accounts()) {
        if (!top->withheld && held_back_.empty()) continue;
        top->withheld = false;
        mark_clients(*top);
    }
    if (held_back_.empty() || !book_.headroom_opened()) return;
    for (const auto handle : held_back_) {
        agents_[handle]->held_back = false;
        queue(*agents_[handle]);
    }
    held_back_.clear();
}

bool Allocator::Impl::dirty() const {
    return !paused_ && (!dirty_agents_.empty() || !dirty_clients_.empty() || book_.touched() ||
                        !recounts_.empty());
}

std::vector<Allocation> Allocator::Impl::allocate(Instant now) {
    if (paused_) return {};
    ++round_;
    expire(now);
    if (!dirty()) return {};
    open_quotas();
    if (shares_are_stale_) {
        tree_.refresh();
        shares_are_stale_ = false;
    }
    tidy_dirty_clients();
    std::vector<Allocation> allocations;
    const auto agents = agents_to_visit();
    // Guarantees come first, everywhere: else others could take the agents that suit these roles.
    for (const auto handle : agents) {
        if (book_.hungry().empty()) break;
        visit(handle, Stage::guarantees, allocations);
    }
    for (const auto handle : agents) visit(handle, Stage::all, allocations);
    offered_shared_.clear();
    for (const auto client : dirty_clients_) clients_[client].dirty = false;
    dirty_clients_.clear();
    dirty_agents_.clear();
    book_.end_round();
    return allocations;
}

}  // namespace tepui::allocator
