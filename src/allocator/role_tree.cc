#include "allocator/role_tree.h"

#include <algorithm>

#include "base/assert.h"

namespace tepui::allocator {

RoleTree::RoleTree(const Capacity& capacity, bool random_roles, bool random_clients)
    : capacity_(capacity),
      random_roles_(random_roles),
      random_clients_(random_clients),
      root_(std::make_unique<Node>()) {}
RoleTree::~RoleTree() = default;

RoleTree::Node& RoleTree::node_of(std::string_view role) {
    Node* parent = root_.get();
    for (std::size_t end = 0; end != std::string_view::npos;) {
        end = role.find('/', end == 0 ? 0 : end + 1);
        const auto name = role.substr(0, end);
        auto it = nodes_.find(name);
        if (it == nodes_.end()) {
            auto node = std::make_unique<Node>();
            node->name = name;
            node->parent = parent;
            node->depth = parent->depth + 1;
            const auto weight = weights_.find(name);
            if (weight != weights_.end()) node->weight = weight->second;
            const auto band = bands_.find(name);
            if (band != bands_.end()) node->subtree.key.band = band->second;
            node->subtree.key.name = node->name;
            node->subtree.key.node = node.get();
            ++parent->uses;
            it = nodes_.emplace(name, std::move(node)).first;
        }
        parent = it->second.get();
    }
    return *parent;
}

void RoleTree::release(Node* node) {
    while (node != root_.get() && --node->uses == 0) {
        TEPUI_ASSERT(!node->subtree.placed);
        Node* parent = node->parent;
        nodes_.erase(nodes_.find(node->name));
        node = parent;
    }
}

ClientHandle RoleTree::add(std::string_view role, std::string_view framework) {
    auto& node = node_of(role);
    ++node.uses;
    if (unused_.empty()) {
        unused_.push_back(static_cast<ClientHandle>(clients_.size()));
        clients_.emplace_back();
    }
    const auto handle = unused_.back();
    unused_.pop_back();
    auto& client = clients_[handle];
    client = {std::string(framework), &node, {}};
    client.holder.key.name = client.framework;
    client.holder.key.client = handle;
    return handle;
}

void RoleTree::remove(ClientHandle handle) {
    set_active(handle, false);
    auto& client = clients_[handle];
    Amounts rest;
    for (std::size_t kind = 0; kind < client.holder.held.size(); ++kind) {
        rest.push_back({static_cast<std::uint32_t>(kind), client.holder.held[kind]});
    }
    add_held(handle, rest, -1);
    release(client.node);
    client.node = nullptr;
    unused_.push_back(handle);
}

void RoleTree::place(Holder& holder, Order& in, bool placed) {
    if (holder.placed == placed) return;
    holder.placed = placed;
    if (placed) {
        in.insert(holder.key);
    } else {
        in.erase(holder.key);
    }
}

void RoleTree::set_active(ClientHandle handle, bool active) {
    auto& client = clients_[handle];
    place(client.holder, client.node->clients, active);
    place(client.node->own, client.node->order, !client.node->clients.empty());
    for (Node* node = client.node; node->parent; node = node->parent) {
        place(node->subtree, node->parent->order, !node->order.empty());
    }
}

void RoleTree::rekey(Holder& holder, Order& in, double weight) {
    const double share = capacity_.dominant_share(holder.held) / weight;
    if (!holder.placed) {
        holder.key.share = share;
        return;
    }
    auto listed = in.extract(in.find(holder.key));
    holder.key.share = share;
    listed.value() = holder.key;
    in.insert(std::move(listed));
}

void RoleTree::charge(ClientHandle client, const Amounts& amounts) {
    const auto count = [](Holder& holder, Order& in) {
        if (!holder.placed) {
            ++holder.key.allocations;
            return;
        }
        auto listed = in.extract(in.find(holder.key));
        listed.value().allocations = ++holder.key.allocations;
        in.insert(std::move(listed));
    };
    auto& record = clients_[client];
    count(record.holder, record.node->clients);
    count(record.node->own, record.node->order);
    for (Node* node = record.node; node->parent; node = node->parent) {
        count(node->subtree, node->parent->order);
    }
    add_held(client, amounts, 1);
}

void RoleTree::discharge(ClientHandle client, const Amounts& amounts) {
    add_held(client, amounts, -1);
}

void RoleTree::add_held(ClientHandle handle, const Amounts& amounts, int sign) {
    if (amounts.empty()) return;
    const auto add = [&](Holder& holder) {
        for (const auto& amount : amounts) {
            if (holder.held.size() <= amount.kind) holder.held.resize(amount.kind + 1);
            holder.held[amount.kind] += sign * amount.milli;
            TEPUI_ASSERT(holder.held[amount.kind] >= 0);
        }
    };
    auto& client = clients_[handle];
    add(client.holder);
    rekey(client.holder, client.node->clients, 1);
    add(client.node->own);
    rekey(client.node->own, client.node->order, client.node->weight);
    for (Node* node = client.node; node->parent; node = node->parent) {
        add(node->subtree);
        rekey(node->subtree, node->parent->order, node->weight);
    }
}

void RoleTree::set_weight(const std::string& role, double weight) {
    weights_[role] = weight;
    const auto it = nodes_.find(role);
    if (it == nodes_.end()) return;
    auto& node = *it->second;
    node.weight = weight;
    rekey(node.own, node.order, weight);
    rekey(node.subtree, node.parent->order, weight);
}

void RoleTree::set_band(const std::string& role, std::int32_t band) {
    if (band == 0) {
        bands_.erase(role);
    } else {
        bands_[role] = band;
    }
    const auto it = nodes_.find(role);
    if (it == nodes_.end()) return;
    auto& node = *it->second;
    const bool placed = node.subtree.placed;
    place(node.subtree, node.parent->order, false);
    node.subtree.key.band = band;
    place(node.subtree, node.parent->order, placed);
}

void RoleTree::refresh() {
    for (auto& [name, node] : nodes_) {
        rekey(node->own, node->order, node->weight);
        rekey(node->subtree, node->parent->order, node->weight);
    }
    for (auto& client : clients_) {
        if (client.node) rekey(client.holder, client.node->clients, 1);
    }
}

bool RoleTree::has_active_within(std::string_view role) const {
    const auto it = nodes_.find(role);
    return it != nodes_.end() && it->second->subtree.placed;
}

bool RoleTree::holds_nothing(ClientHandle client) const {
    const auto& held = clients_[client].holder.held;
    return std::all_of(held.begin(), held.end(), [](std::int64_t milli) { return milli == 0; });
}

RoleTree::Standing RoleTree::standing(const Holder& holder, const Order& in, double weight) const {
    Standing result{weight, capacity_.dominant_share(holder.held), 0, in.size(), holder.held};
    if (!holder.placed) return result;
    const auto before = std::distance(in.begin(), in.find(holder.key));
    result.position = static_cast<std::size_t>(before) + 1;
    return result;
}

std::optional<RoleTree::Standing> RoleTree::standing_of(std::string_view role) const {
    const auto it = nodes_.find(role);
    if (it == nodes_.end()) return std::nullopt;
    const Node& node = *it->second;
    return standing(node.subtree, node.parent->order, node.weight);
}

RoleTree::Standing RoleTree::standing_of(ClientHandle client) const {
    const auto& record = clients_[client];
    return standing(record.holder, record.node->clients, 1);
}

bool RoleTree::before(ClientHandle left, ClientHandle right) const {
    const Node* a = clients_[left].node;
    const Node* b = clients_[right].node;
    if (a == b) return clients_[left].holder.key < clients_[right].holder.key;
    // Climbs to the level where both have a place in the same order.
    const Key* a_key = &a->own.key;
    const Key* b_key = &b->own.key;
    const auto climb = [](const Node*& node, const Key*& key) {
        key = &node->subtree.key;
        node = node->parent;
    };
    while (a->depth > b->depth) climb(a, a_key);
    while (b->depth > a->depth) climb(b, b_key);
    while (a != b) {
        climb(a, a_key);
        climb(b, b_key);
    }
    return *a_key < *b_key;
}

}  // namespace tepui::allocator
