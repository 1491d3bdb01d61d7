#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "allocator/allocator.h"

// The answers of Allocator::explain(): what stands between a client (a framework in a role) and an
// agent. Computed when asked for, from the same state and by the same rules as the next round.
namespace tepui::allocator {

/// What can stand between a client and an agent. Those that concern one of the two alone come
/// first, all that apply; then the first that concerns what is free.
enum class Cause : std::uint8_t {
    paused,              // Nothing is offered before enough agents are back after a failover.
    framework_inactive,  // Not connected.
    suppressed,
    agent_inactive,   // names: why, in the caller's words.
    not_whitelisted,  // By the whitelist of hostnames.
    gpus,             // The agent has gpus, the framework not GPU_RESOURCES.
    region,           // The agent is in another region, the framework not REGION_AWARE.
    constraint,       // The framework's offer constraints for the role.
    kept,             // names: the role that alone gets what is freed there (keep_for()).
    nothing_free,
    offered,         // It would have enough if its offers were answered.
    reserved,        // What is free is reserved to other roles.
    capability,      // names: what the framework would have to understand.
    below_minimum,   // Something is free, but less than makes an offer.
    quota_limit,     // names: resources whose limit is reached.
    headroom,        // names: resources that are kept free for guarantees of others.
    declined,        // A filter that the framework set.
    shared_in_turn,  // Only shared volumes are left: offered again when something changes there.
};

/// As JSON and texts name it: "quota_limit".
std::string_view cause_name(Cause cause);

struct Obstacle {
    Cause cause = Cause::nothing_free;
    std::set<std::string> names = {};
    auto operator<=>(const Obstacle&) const = default;
};

/// Pairs with the same answer.
struct ExplainedClass {
    std::vector<Obstacle> obstacles;  // Empty: may be offered at the next allocation.
    std::size_t count = 0;
    /// A few: agent id and hostname, or framework id and role.
    std::vector<std::pair<std::string, std::string>> examples;
    /// Sums over the agents of the class; of an agent's explanation, over the clients.
    Quantities free;                            // What nobody has.
    Quantities offerable;                       // What would be in the offers.
    std::map<std::string, Quantities> holders;  // By role, where too little is free.
    std::map<std::string, Quantities> offers;   // By framework id, where offers are the cause.
    // Where reservations are: up to ten other roles that have them; those that calls made and can
    // undo, and those of agents' own --resources, each with an agent where that is so.
    std::set<std::string> reserved_for;
    std::map<std::string, AgentId> dynamic_for, static_for;
    std::optional<Instant> first_end, last_end;  // Of filters.
};

/// What the caller knows and the allocator does not.
struct ExplainContext {
    /// What of an agent is in offers that are not answered; null for nothing.
    std::function<const std::map<FrameworkId, Resources>*(const AgentId&)> offered = {};
    /// Why an agent was deactivated: "draining".
    std::function<std::string(const AgentId&)> why_inactive = {};
    /// At most so many pairs are looked at, evenly spread: what bounds the time.
    std::size_t pairs_max = 20'000;
    std::size_t examples_max = 3;  // Of each class.
};

/// A guarantee that is not satisfied, so that something is kept free for it.
struct KeptFor {
    std::string role;
    Quantities lacking;
};

struct ClientExplanation {
    FrameworkId framework;
    std::string role;
    bool active = false;
    bool suppressed = false;
    double share = 0;             // Of the cluster, of the resource it has most of.
    std::size_t position = 0;     // Among the active clients of the role, from 1; 0: not active.
    std::size_t competitors = 0;  // Active clients of the role.
    Quantities allocated;         // With what is offered to it.
    std::size_t filters = 0;      // That it set and that did not end.
    std::string top_role;         // Whose quota counts.
    std::size_t agents = 0;
    std::size_t examined = 0;  // Of these; the classes speak of them only.
    std::vector<ExplainedClass> classes;
    std::vector<KeptFor> kept_for;  // Up to ten, not its own; when headroom stands in the way.
};

struct AgentExplanation {
    AgentId agent;
    std::string hostname;
    bool deactivated = false;
    bool not_whitelisted = false;
    Resources total;
    Resources free;
    std::size_t clients = 0;  // Subscribed ones.
    std::size_t examined = 0;
    std::vector<ExplainedClass> classes;
};

/// A role's place in the order, and what its quota leaves it.
struct RoleStanding {
    std::string role;
    double weight = 1;
    double share = 0;             // Of the cluster, with all below it; not divided by the weight.
    std::size_t position = 0;     // Among those that compete on its level, from 1; 0: nobody asks.
    std::size_t competitors = 0;  // With the clients of the role above it, which count as one.
    Quantities allocated;         // With what is offered, and all below it.
    Quantities guarantees;        // The next four are those of a top-level role.
    Quantities limits;
    Quantities consumed;
    Quantities lacking;  // Of the guarantee.
};

}  // namespace tepui::allocator
