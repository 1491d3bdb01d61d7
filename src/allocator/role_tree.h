#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "allocator/amounts.h"

namespace tepui::allocator {

/// Number of a client: one framework in one role. Reused after remove().
using ClientHandle = std::uint32_t;

/// Who is next: roles as a tree, clients in their roles, each level ordered by (dominant share /
/// weight, number of allocations, name). The clients of a role that also has sub-roles compete with
/// these as one group, which has the role's weight.
///
/// Cost: O(depth * log n) for a change, O(1) a step to walk. Holds what clients were charged, also
/// of clients that are not active; only active ones are walked.
class RoleTree {
public:
    explicit RoleTree(const Capacity& capacity);
    ~RoleTree();

    ClientHandle add(std::string_view role, std::string_view framework);
    /// Whatever it still holds is discharged.
    void remove(ClientHandle client);
    void set_active(ClientHandle client, bool active);
    void charge(ClientHandle client, const Amounts& amounts);
    void discharge(ClientHandle client, const Amounts& amounts);
    void set_weight(const std::string& role, double weight);
    /// Computes all shares anew; needed after the capacity changed.
    void refresh();

    const std::string& role_of(ClientHandle client) const { return clients_[client].node->name; }
    /// Whether the role or one below it has active clients.
    bool has_active_within(std::string_view role) const;
    bool holds_nothing(ClientHandle client) const;
    /// Whether `a` comes before `b`.
    bool before(ClientHandle a, ClientHandle b) const;

    /// Visits active clients in order until `visit(client)` returns true; roles (with all below)
    /// for which `enter(role name)` returns false are left out. The tree must not change meanwhile.
    template <typename Enter, typename Visit>
    void walk(Enter enter, Visit visit) const {
        walk_node(*root_, enter, visit);
    }

private:
    struct Node;
    struct Key {
        double share = 0;
        std::uint64_t allocations = 0;
        std::string_view name;
        ClientHandle client = 0;
        Node* node = nullptr;  // Null for a client, and for the group of a role's own clients.
        bool operator<(const Key& other) const {
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
    static bool walk_node(const Node& node, Enter& enter, Visit& visit) {
        for (const Key& key : node.order) {
            if (!key.node) {
                for (const Key& client : node.clients) {
                    if (visit(client.client)) return true;
                }
            } else if (enter(std::string_view(key.node->name))) {
                if (walk_node(*key.node, enter, visit)) return true;
            }
        }
        return false;
    }

    Node& node_of(std::string_view role);
    void release(Node* node);
    /// Puts the holder where its share belongs now; `in` is where it is listed when placed.
    void rekey(Holder& holder, Order& in, double weight);
    void place(Holder& holder, Order& in, bool placed);
    void add_held(ClientHandle client, const Amounts& amounts, int sign);

    const Capacity& capacity_;
    std::map<std::string, double, std::less<>> weights_;
    std::map<std::string, std::unique_ptr<Node>, std::less<>> nodes_;
    std::unique_ptr<Node> root_;
    std::deque<ClientRecord> clients_;  // Keys point to the names in it.
    std::vector<ClientHandle> unused_;
};

}  // namespace tepui::allocator
