#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "allocator/explain.h"
#include "base/result.h"
#include "base/time.h"
#include "master/core/state.h"

// Why somebody gets offers or does not, gathered from the state for people; pure. Each answer costs
// at most O(frameworks + agents + offers) and the pairs of ExplainContext::pairs_max, as it is made
// on the loop's thread.
namespace tepui::master {

/// Offers that were not answered yet, of one framework.
struct OfferHolder {
    FrameworkId framework;
    std::string name;
    std::size_t offers = 0;
    std::size_t agents = 0;
    Quantities amounts;
    Duration oldest{0};  // How long the oldest of them has been held.
};

/// A client's explanation with the name of its framework.
struct ExplainedClient {
    std::string name;
    allocator::ClientExplanation explanation;
};

struct ExplainedRole {
    std::string role;
    std::int32_t band = 0;
    /// From the top-level role down to this one; empty if nobody is in it.
    std::vector<allocator::RoleStanding> standings;
    /// In the order in which they would be asked; the first clients_shown_max.
    std::vector<ExplainedClient> clients;
    std::size_t clients_total = 0;
    std::vector<OfferHolder> hoarders;
};

struct ExplainedFramework {
    FrameworkId id;
    std::string name;
    bool active = false;
    std::vector<ExplainedClient> clients;  // One a role that it is subscribed in.
    std::map<std::string, std::vector<allocator::RoleStanding>> standings;  // By these roles.
    std::optional<OfferHolder> offers;
    std::vector<OfferHolder> hoarders;
};

/// What a framework uses on an agent.
struct AgentUse {
    FrameworkId framework;
    std::string name;
    Quantities amounts;
};

struct ExplainedAgent {
    allocator::AgentExplanation explanation;
    std::string why_inactive;                    // "" while it is offered.
    std::map<std::string, Quantities> reserved;  // By role.
    std::vector<AgentUse> used;
    std::vector<OfferHolder> offered;
};

/// An offer that was not answered yet.
struct HeldOffer {
    OfferId id;
    FrameworkId framework;
    std::string framework_name;
    std::string role;
    AgentId agent;
    std::string hostname;
    Quantities amounts;
    Duration age{0};
};

constexpr std::size_t clients_shown_max = 20;
constexpr std::size_t hoarders_shown_max = 10;

/// Why the agent gets nobody offers: "disconnected", "drained", "draining", "deactivated", or "".
std::string why_inactive(const State& state, const AgentId& agent);

/// Frameworks that hold offers, the oldest first; all of them.
std::vector<OfferHolder> offer_holders(const State& state, Instant now);
/// Oldest first.
std::vector<HeldOffer> held_offers(const State& state, Instant now);

/// Fails with not_found for a role that nobody is in and that has neither quota, weight nor band.
Result<ExplainedRole> explain_role(const State& state, const std::string& role, Instant now);
/// `wanted`: an id or a name. Fails with not_found, or with conflict when several have the name.
Result<ExplainedFramework> explain_framework(const State& state, const std::string& wanted,
                                             Instant now);
/// `wanted`: an id or a hostname, or "hostname:port". Fails likewise.
Result<ExplainedAgent> explain_agent(const State& state, const std::string& wanted, Instant now);

}  // namespace tepui::master
