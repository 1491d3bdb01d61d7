#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "master/core/preemption_policy.h"
#include "master/core/state.h"

// What the master's state means for preemption: which roles lack something, and what of others
// would help. Reads only.
namespace tepui::master {

/// A framework in a role that gets offers: connected and not suppressed.
struct Want {
    const Framework* framework = nullptr;
    std::string role;
    std::vector<Quantities> sets;  // It wants all of one of these in an offer; empty: any offer.
};

/// What a top-level role of a band above others lacks.
struct Need {
    std::string role;
    std::int32_t band = 0;
    std::vector<Want> wants;
    Quantities guarantee;          // Of its quota.
    Quantities lack;               // Of its guarantee, offers in its hands counted as had.
    std::vector<Quantities> sets;  // If not empty, all of one of these on one agent is needed.
};

/// By top-level role, those above the lowest band only. O(frameworks).
std::map<std::string, std::vector<Want>> wants_of(const State& state);

/// None for a role that lacks nothing. One with a guarantee needs what it has less than that,
/// wherever it is; one whose frameworks all say how large an offer must be (offer_filters) needs
/// that on one agent. Without guarantee it needs what they say, while they hold no offer, as far as
/// its limit and the guarantees of others allow.
std::optional<Need> need_of(const State& state, const std::string& role, std::vector<Want> wants);

/// What the role's tasks have, and its reservations: without offers.
Quantities used_by(const State& state, const std::string& role, const std::vector<Want>& wants);

/// "Displaced by role 'prod' (band 10), which is guaranteed cpus:4 and lacked cpus:2".
std::string explain(const Need& need);

/// Where a role could be given something, and what would make room there.
struct Scene {
    std::vector<const Agent*> agents;        // As candidates number them.
    std::map<std::size_t, Quantities> free;  // By agent, of what the role could have.
    Quantities free_sum;
    Quantities coming;  // What ends already, for the role or by itself.
    std::vector<Candidate> candidates;
    /// By candidate: which offer it is, or which work.
    struct Subject {
        std::optional<OfferId> offer;
        WorkKey work;
        Resources resources;  // Of the work, with allocation roles.
    };
    std::vector<Subject> subjects;
};

/// Which work is looked at: what is not being displaced yet (and unused offers), or what is
/// displaced for the role and whose time is over.
enum class Among : std::uint8_t { others, due };
Scene scene_of(const State& state, const Need& need, Among among, Now now);

/// The tasks of a work that still hold resources; empty when it ended.
std::vector<const Task*> tasks_of(const State& state, const WorkKey& key);

}  // namespace tepui::master
