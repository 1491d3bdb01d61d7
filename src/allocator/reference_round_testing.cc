// What a round of the reference gives to whom.
#include <algorithm>
#include <tuple>

#include "allocator/reference_testing.h"
#include "allocator/visit_order.h"
#include "resources/entry.h"
#include "resources/quantities.h"

namespace tepui::allocator {

namespace {

std::string parent_of(const std::string& role) {
    const auto slash = role.rfind('/');
    return slash == std::string::npos ? "" : role.substr(0, slash);
}

std::string top_of(const std::string& role) { return role.substr(0, role.find('/')); }

bool is_unreserved_scalar(const Resources::Entry& entry) {
    return entry.is_scalar() && !entry.is_reserved() && !entry.revocable && !entry.shared;
}

/// Entry by entry, in their order; names that are missing in `caps` are left alone.
Resources cut_to(const Resources& resources, Quantities caps) {
    std::vector<Resources::Entry> entries;
    for (auto entry : resources.entries()) {
        const auto cap = caps.find(entry.name);
        if (is_unreserved_scalar(entry) && cap != caps.end()) {
            auto taken = std::min(entry.scalar(), cap->second);
            if (taken < entry.scalar() && entry.is_indivisible()) taken = {};
            cap->second -= taken;
            entry.value = taken;
        }
        if (!entry.empty()) entries.push_back(std::move(entry));
    }
    return Resources::from_entries(std::move(entries));
}

}  // namespace

Quantities ReferenceAllocator::capacity() const {
    Quantities totals;
    for (const auto& [id, agent] : agents_) add(totals, agent.offering.total.nonshared().scalars());
    return totals;
}

Resources ReferenceAllocator::free(const Agent& agent) {
    Resources used;
    for (const auto& [framework, resources] : agent.used)
        used += resources.nonshared().unallocated();
    return agent.offering.total.nonshared().unallocated() - used;
}

bool ReferenceAllocator::gets_offers(const Agent& agent) const {
    return agent.active && (!whitelist_ || whitelist_->contains(agent.offering.info.hostname()));
}

/// Reservations, allocated or not, and what is allocated of unreserved resources.
Quantities ReferenceAllocator::quota_consumed(const std::string& role) const {
    Quantities consumed;
    for (const auto& [id, agent] : agents_) {
        const auto& total = agent.offering.total;
        add(consumed, total
                          .filter([&](const Resources::Entry& entry) {
                              return entry.is_reserved() &&
                                     role_is_within(entry.reservation_role(), role);
                          })
                          .scalars());
        for (const auto& [framework, resources] : agent.used) {
            add(consumed, resources
                              .filter([&](const Resources::Entry& entry) {
                                  return is_unreserved_scalar(entry) &&
                                         role_is_within(entry.allocation_role, role);
                              })
                              .scalars());
        }
    }
    return consumed;
}

Quantities ReferenceAllocator::unsatisfied(const std::string& top) const {
    Quantities lacking;
    const auto quota = quotas_.find(top);
    if (quota == quotas_.end()) return lacking;
    const auto consumed = quota_consumed(top);
    for (const auto& [name, guarantee] : quota->second.guarantees) {
        const auto has = consumed.contains(name) ? consumed.at(name) : Quantity{};
        if (guarantee > has) lacking[name] = guarantee - has;
    }
    return lacking;
}

Quantities ReferenceAllocator::headroom_caps(const std::string& top) const {
    Quantities required;
    for (const auto& [role, quota] : quotas_) add(required, unsatisfied(role));
    Quantities available;
    for (const auto& [id, agent] : agents_) {
        if (!gets_offers(agent)) continue;
        add(available, free(agent).filter(is_unreserved_scalar).scalars());
    }
    auto own = unsatisfied(top);
    Quantities caps;
    for (const auto& [name, amount] : required) {
        caps[name] = std::max(Quantity{}, available[name] - amount) + own[name];
    }
    return caps;
}

double ReferenceAllocator::share(const Quantities& held, const Quantities& totals) const {
    double share = 0;
    for (const auto& [name, quantity] : held) {
        if (options_.fair_sharing_excluded.contains(name) || !totals.contains(name)) continue;
        share = std::max(share, static_cast<double>(quantity.milli) /
                                    static_cast<double>(totals.at(name).milli));
    }
    return share;
}

bool ReferenceAllocator::may_be_offered(const Pair& pair) const {
    const auto it = frameworks_.find(pair.second);
    return it != frameworks_.end() && it->second.active &&
           it->second.client.roles.contains(pair.first) &&
           !it->second.client.suppressed_roles.contains(pair.first);
}

void ReferenceAllocator::order_below(const std::string& role, const Holdings& held,
                                     std::uint64_t draw, std::vector<Pair>& order) const {
    // What competes here: the roles right below, and ("") the clients of the role itself. Higher
    // bands come first; a client, and what is not at the top, has none.
    using Place = std::tuple<std::int64_t, double, std::uint64_t, std::string>;
    std::set<Place> places;
    std::set<std::pair<Place, FrameworkId>> clients;
    const auto band_of = [&](const std::string& child) {
        const auto it = bands_.find(child);
        return role.empty() && it != bands_.end() ? std::int64_t{it->second} : 0;
    };
    const auto count = [](const auto& counts, const auto& key) {
        const auto it = counts.find(key);
        return it == counts.end() ? std::uint64_t{0} : it->second;
    };
    const auto weight_of = [&](const std::string& name) {
        const auto it = weights_.find(name);
        return it == weights_.end() ? 1.0 : it->second;
    };
    std::set<std::string> children;
    Quantities own;
    for (const auto& [pair, quantities] : held.pairs) {
        for (const auto& above : with_ancestors(pair.first)) {
            if (above != role && parent_of(above) == role) children.insert(above);
        }
        if (pair.first != role) continue;
        add(own, quantities);
        const double place = options_.framework_sorter == Sorter::random
                                 ? lot(draw_in_role(draw, role), pair.second.value, 1)
                                 : share(quantities, held.capacity);
        clients.insert(
            {{0, place, count(pair_allocations_, pair), pair.second.value}, pair.second});
    }
    for (const auto& child : children) {
        Quantities subtree;
        for (const auto& [pair, quantities] : held.pairs) {
            if (role_is_within(pair.first, child)) add(subtree, quantities);
        }
        places.insert({-band_of(child),
                       options_.role_sorter == Sorter::random
                           ? lot(draw, child, weight_of(child))
                           : share(subtree, held.capacity) / weight_of(child),
                       count(subtree_allocations_, child), child});
    }
    if (!role.empty()) {
        places.insert({0,
                       options_.role_sorter == Sorter::random
                           ? lot(draw, role, weight_of(role))
                           : share(own, held.capacity) / weight_of(role),
                       count(own_allocations_, role), ""});
    }
    for (const auto& [band, key, allocations, name] : places) {
        if (!name.empty()) {
            order_below(name, held, draw, order);
            continue;
        }
        for (const auto& [place, framework] : clients) order.emplace_back(role, framework);
    }
}

std::vector<ReferenceAllocator::Pair> ReferenceAllocator::order(const Agent& agent) const {
    std::vector<Pair> order;
    order_below("", {held(), capacity()}, lots_key(options_.seed, round_, agent.serial), order);
    std::erase_if(order, [&](const Pair& pair) { return !may_be_offered(pair); });
    return order;
}

bool ReferenceAllocator::is_allocatable(const Pair& pair, const Resources& resources) const {
    if (resources.empty()) return false;
    const auto& own = frameworks_.at(pair.second).client.min_allocatable;
    const auto it = own.find(pair.first);
    const auto& minimums = it == own.end() ? options_.min_allocatable : it->second;
    if (minimums.empty()) return true;
    for (const auto& minimum : minimums) {
        bool enough = true;
        for (const auto& [name, quantity] : minimum) {
            enough = enough && resources.scalar(name) >= quantity;
        }
        if (enough) return true;
    }
    return false;
}

Resources ReferenceAllocator::offer_for(const Pair& pair, const Agent& agent,
                                        const Resources& remaining) const {
    const auto& capabilities = frameworks_.at(pair.second).client.capabilities;
    const auto& offering = agent.offering;
    if (!agent.kept_for.empty() && !role_is_within(pair.first, agent.kept_for)) return {};
    if (options_.filter_gpu_resources && offering.total.scalar("gpus").milli > 0 &&
        !capabilities.gpu_resources) {
        return {};
    }
    const auto& domain = options_.master_domain;
    if (domain && domain->has_fault_domain() && offering.info.domain().has_fault_domain() &&
        domain->fault_domain().region().name() !=
            offering.info.domain().fault_domain().region().name() &&
        !capabilities.region_aware) {
        return {};
    }
    const auto& wishes = frameworks_.at(pair.second).client.constraints;
    const auto wish = wishes.find(pair.first);
    if (wish != wishes.end() && !wish->second.allow(offering.info)) return {};
    auto offer = remaining.offerable_to(pair.first);
    if (!capabilities.revocable_resources) offer = offer.nonrevocable();
    if (!capabilities.shared_resources) offer = offer.nonshared();
    if (!capabilities.reservation_refinement) {
        offer = offer.filter([](const Resources::Entry& entry) { return !entry.is_refined(); });
    }
    const auto top = top_of(pair.first);
    const auto quota = quotas_.find(top);
    if (quota != quotas_.end()) {
        Quantities room;
        const auto consumed = quota_consumed(top);
        for (const auto& [name, limit] : quota->second.limits) {
            const auto has = consumed.contains(name) ? consumed.at(name) : Quantity{};
            room[name] = std::max(Quantity{}, limit - has);
        }
        // Limits and headroom at once: of each name the smaller of both.
        for (const auto& [name, cap] : headroom_caps(top)) {
            room[name] = room.contains(name) ? std::min(room[name], cap) : cap;
        }
        offer = cut_to(offer, room);
    } else {
        offer = cut_to(offer, headroom_caps(top));
    }
    if (!is_allocatable(pair, offer)) return {};
    for (const auto& filter : filters_) {
        if (filter.pair == pair && filter.agent == offering.agent &&
            filter.refused.contains(offer)) {
            return {};
        }
    }
    return offer;
}

void ReferenceAllocator::visit(Agent& agent, bool guarantees,
                               std::vector<Allocation>& allocations) {
    // The order is that at the beginning of the visit.
    for (const auto& pair : order(agent)) {
        const auto remaining =
            free(agent) + (agent.offering.total.shared().unallocated() - agent.offered_shared);
        const auto offer = offer_for(pair, agent, remaining);
        if (offer.empty()) continue;
        if (guarantees) {
            // Only who gets something that its guarantee lacks.
            const auto lacking = unsatisfied(top_of(pair.first));
            const auto scalars = offer.filter(is_unreserved_scalar).scalars();
            if (std::none_of(lacking.begin(), lacking.end(),
                             [&](const auto& item) { return scalars.contains(item.first); })) {
                continue;
            }
        }
        agent.offered_shared += offer.shared();
        allocations.push_back(
            {pair.second, pair.first, agent.offering.agent, offer.allocated_to(pair.first)});
        charge(agent, pair.second, allocations.back().resources);
    }
}

std::vector<Allocation> ReferenceAllocator::allocate(Instant now) {
    if (paused_) return {};
    ++round_;
    std::erase_if(filters_, [&](const Filter& filter) { return filter.deadline <= now; });
    std::map<std::uint64_t, AgentId> agents;
    for (auto& [id, agent] : agents_) {
        agent.offered_shared = {};
        if (gets_offers(agent)) {
            agents.emplace(visit_key(options_.seed, round_, agent.serial), id);
        }
    }
    std::vector<Allocation> allocations;
    const bool any_lacks = std::any_of(quotas_.begin(), quotas_.end(), [&](const auto& quota) {
        return !unsatisfied(quota.first).empty();
    });
    for (const auto& [key, id] : agents) {
        if (any_lacks) visit(agents_.at(id), true, allocations);
    }
    for (const auto& [key, id] : agents) visit(agents_.at(id), false, allocations);
    return allocations;
}

}  // namespace tepui::allocator
