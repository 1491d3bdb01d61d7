#include "allocator/refusals.h"

#include <algorithm>

#include "base/assert.h"

namespace tepui::allocator {

namespace {

constexpr auto by_client = [](const auto& refusal, ClientHandle client) {
    return refusal.client < client;
};

/// Ties are told apart, so that entries come out in one order on every machine.
constexpr auto later = [](const Deadlines::Entry& a, const Deadlines::Entry& b) {
    return std::tie(a.deadline, a.agent, a.client, a.group) >
           std::tie(b.deadline, b.agent, b.client, b.group);
};

}  // namespace

Refusals::Added Refusals::add(ClientHandle client, const Resources& refused, Instant deadline) {
    auto group = std::find_if(groups_.begin(), groups_.end(),
                              [&](const Group& other) { return other.refused == refused; });
    if (group == groups_.end()) {
        groups_.push_back({next_group_++, refused, {}, {}});
        group = groups_.end() - 1;
    }
    auto& refusals = group->refusals;
    const auto it = std::lower_bound(refusals.begin(), refusals.end(), client, by_client);
    if (it != refusals.end() && it->client == client) {
        it->deadline = std::max(it->deadline, deadline);
        return {group->number, it->deadline, false};
    }
    refusals.insert(it, {client, deadline});
    set_bit(group->mask, client, true);
    return {group->number, deadline, true};
}

bool Refusals::is_live(ClientHandle client, std::uint32_t number, Instant deadline) const {
    for (const auto& group : groups_) {
        if (group.number != number) continue;
        const auto it =
            std::lower_bound(group.refusals.begin(), group.refusals.end(), client, by_client);
        return it != group.refusals.end() && it->client == client && it->deadline == deadline;
    }
    return false;
}

bool Refusals::expire(ClientHandle client, std::uint32_t number, Instant deadline) {
    if (!is_live(client, number, deadline)) return false;
    const auto group = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const Group& other) { return other.number == number; });
    auto& refusals = group->refusals;
    refusals.erase(std::lower_bound(refusals.begin(), refusals.end(), client, by_client));
    set_bit(group->mask, client, false);
    if (refusals.empty()) groups_.erase(group);
    return true;
}

std::size_t Refusals::forget(ClientHandle client) {
    std::size_t count = 0;
    for (auto& group : groups_) {
        if (!is_set(group.mask, client)) continue;
        auto& refusals = group.refusals;
        refusals.erase(std::lower_bound(refusals.begin(), refusals.end(), client, by_client));
        set_bit(group.mask, client, false);
        ++count;
    }
    if (count > 0)
        std::erase_if(groups_, [](const Group& group) { return group.refusals.empty(); });
    return count;
}

std::size_t Refusals::size() const {
    std::size_t count = 0;
    for (const auto& group : groups_) count += group.refusals.size();
    return count;
}

std::optional<Instant> Refusals::blocked_until(ClientHandle client, const Resources& offer,
                                               Instant now) const {
    std::optional<Instant> until;
    for (const auto& group : groups_) {
        if (!is_set(group.mask, client) || !group.refused.contains(offer)) continue;
        const auto it =
            std::lower_bound(group.refusals.begin(), group.refusals.end(), client, by_client);
        if (it->deadline > now) until = std::max(until.value_or(it->deadline), it->deadline);
    }
    return until;
}

bool Refusals::blocks(ClientHandle client, const Resources& offer) const {
    return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
        return is_set(group.mask, client) && group.refused.contains(offer);
    });
}

void Refusals::blocked(const Resources& offer, Mask& mask) const {
    mask.clear();
    for (const auto& group : groups_) {
        if (!group.refused.contains(offer)) continue;
        if (mask.size() < group.mask.size()) mask.resize(group.mask.size());
        for (std::size_t i = 0; i < group.mask.size(); ++i) mask[i] |= group.mask[i];
    }
}

void Deadlines::push(Entry entry) {
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), later);
}

Instant Deadlines::next() const { return heap_.empty() ? Instant::max() : heap_.front().deadline; }

Deadlines::Entry Deadlines::pop() {
    TEPUI_ASSERT(!heap_.empty());
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const auto entry = heap_.back();
    heap_.pop_back();
    return entry;
}

void Deadlines::rebuild() { std::make_heap(heap_.begin(), heap_.end(), later); }

}  // namespace tepui::allocator
