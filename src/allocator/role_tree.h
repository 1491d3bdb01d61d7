#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "allocator/amounts.h"
#include "allocator/visit_order.h"

namespace tepui::allocator {

/// Number of a client: one framework in one role. Reused after remove().
using ClientHandle = std::uint32_t;

/// Who is next: roles as a tree, clients in their roles, each level ordered by (dominant share /
/// weight, number of allocations, name); top-level roles of a higher band come before all that. The
/// clients of a role that also has sub-roles compete with these as one group, which has the role's
/// weight.
///
/// Cost: O(depth * log n) for a change, O(1) a step to walk. Holds what clients were charged, also
/// of clients that are not active; only active ones are walked.
class RoleTree {
public:
    /// `random_roles`, `random_clients`: the order is drawn, see walk().
    explicit RoleTree(const Capacity& capacity, bool random_roles = false,
                      bool random_clients = false);
    ~RoleTree();

    ClientHandle add(std::string_view role, std::string_view framework);
    /// Whatever it still holds is discharged.
    void remove(ClientHandle client);
    void set_active(ClientHandle client, bool active);
    void charge(ClientHandle client, const Amounts& amounts);
    void discharge(ClientHandle client, const Amounts& amounts);
    void set_weight(const std::string& role, double weight);
    /// Of a top-level role: higher bands come first.
    void set_band(const std::string& role, std::int32_t band);
    /// Computes all shares anew; needed after the capacity changed.
    void refresh();

    const std::string& role_of(ClientHandle client) const { return clients_[client].node->name; }
    /// Whether the role or one below it has active clients.
    bool has_active_within(std::string_view role) const;
    bool holds_nothing(ClientHandle client) const;
    /// Whether `a` comes before `b`.
    bool before(ClientHandle a, ClientHandle b) const;
    /// For people: where a role or client stands. Costs O(competitors).
    struct Standing {
        double weight = 1;
        double share = 0;          // Not divided by the weight.
        std::size_t position = 0;  // From 1; 0 for what is not active.
        std::size_t competitors = 0;
        std::vector<std::int64_t> held;  // Thousandths by kind.
    };
    /// Among the sub-roles and own clients of the role above; none if the role is not in use.
    std::optional<Standing> standing_of(std::string_view role) const;
    /// Among the clients of its role.
    Standing standing_of(ClientHandle client) const;
    /// Whether walk() draws, so that before() tells nothing about it.
    bool is_random() const { return random_roles_ || random_clients_; }

    /// Visits active clients in order until `visit(client)` returns true; roles (with all below)
    /// for which `enter(role name)` returns false are left out. The tree must not change meanwhile.
    /// Where the order is drawn, `draw` decides it (visit_order.h).
    template <typename Enter, typename Visit>
    void walk(std::uint64_t draw, Enter enter, Visit visit) const {
        walk_node(*root_, draw, enter, visit);
    }

private:
    struct Node;
    struct Key {
        double share = 0;
        std::uint64_t allocations = 0;
        std::string_view name;
        ClientHandle client = 0;
        std::int32_t band = 0;  // Not 0 only in the order of top-level roles.
        Node* node = nullptr;   // Null for a client, and for the group of a role's own clients.
        bool operator<(const Key& other) const {
            if (band != other.band) return band > other.band;
            if (share != other.share) return share < other.share;
            if (allocations != other.allocations) return allocations < other.allocations;
            return name < other.name;
        }
    };
    using Order = std::set<Key>;
    /// Something with a place in an Order.
    struct Holder {
        std::vector<std::int64_t> held;  // Thousandths by kind.
        Key key;
        bool placed = false;
    };
    struct Node {
        std::string name;
        Node* parent = nullptr;
        std::size_t depth = 0;
        std::size_t uses = 0;  // Clients and sub-roles.
        double weight = 1;
        Holder subtree;  // Everything at and below the role; its place is in the parent.
        Holder own;      // The role's own clients; its place is in this node.
        Order order;     // Active sub-roles and the own group.
        Order clients;
    };
    struct ClientRecord {
        std::string framework;
        Node* node = nullptr;
        Holder holder;
    };

    template <typename Enter, typename Visit>
    bool walk_node(const Node& node, std::uint64_t draw, Enter& enter, Visit& visit) const {
        return each(node.order, random_roles_, draw, node, [&](const Key& key) {
            if (key.node) {
                return enter(std::string_view(key.node->name)) &&
                       walk_node(*key.node, draw, enter, visit);
            }
            const auto clients_draw = random_clients_ ? draw_in_role(draw, node.name) : draw;
            return each(node.clients, random_clients_, clients_draw, node,
                        [&](const Key& client) { return visit(client.client); });
        });
    }

    template <typename Use>
    static bool each(const Order& order, bool random, std::uint64_t draw, const Node& node,
                     Use use) {
        if (!random) return std::any_of(order.begin(), order.end(), use);
        std::vector<std::pair<double, const Key*>> drawn;
        drawn.reserve(order.size());
        for (const Key& key : order) {
            const bool is_group = !key.node && key.name.empty();  // The role's own clients.
            const double weight = key.node ? key.node->weight : is_group ? node.weight : 1;
            drawn.emplace_back(lot(draw, is_group ? node.name : key.name, weight), &key);
        }
        std::sort(drawn.begin(), drawn.end(), [](const auto& a, const auto& b) {
            if (a.second->band != b.second->band) return a.second->band > b.second->band;
            return a.first != b.first ? a.first < b.first : *a.second < *b.second;
        });
        return std::any_of(drawn.begin(), drawn.end(),
                           [&](const auto& item) { return use(*item.second); });
    }

    Standing standing(const Holder& holder, const Order& in, double weight) const;
    Node& node_of(std::string_view role);
    void release(Node* node);
    /// Puts the holder where its share belongs now; `in` is where it is listed when placed.
    void rekey(Holder& holder, Order& in, double weight);
    void place(Holder& holder, Order& in, bool placed);
    void add_held(ClientHandle client, const Amounts& amounts, int sign);

    const Capacity& capacity_;
    const bool random_roles_;
    const bool random_clients_;
    std::map<std::string, double, std::less<>> weights_;
    std::map<std::string, std::int32_t, std::less<>> bands_;  // Those that are not 0.
    std::map<std::string, std::unique_ptr<Node>, std::less<>> nodes_;
    std::unique_ptr<Node> root_;
    std::deque<ClientRecord> clients_;  // Keys point to the names in it.
    std::vector<ClientHandle> unused_;
};

}  // namespace tepui::allocator
