#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "master/core/state.h"
#include "sim/ground_truth.h"

namespace tepui::sim {

/// Looks at a master after each of its steps: whether what it offered anew is what quotas, the
/// whitelist and operators leave (I8), counted anew from its state in the plainest way.
class SharingOracle {
public:
    explicit SharingOracle(GroundTruth& truth) : truth_(truth) {}

    /// The master begins anew: no offer of before is outstanding, and nothing is listed.
    void begin();
    void set_whitelist(std::optional<std::set<std::string>> hostnames) {
        whitelist_ = std::move(hostnames);
    }
    /// Agents that are out of use from now on, whoever hears of it.
    void note_dismissals(const master::State& state);
    void check(const master::State& state);

private:
    /// Scalars, by top-level role and over all agents that get offers made.
    struct Books {
        std::map<std::string, Quantities, std::less<>> consumed;
        Quantities free;
    };
    void check_dismissals(const master::State& state);
    bool is_offered(const master::Agent& agent) const;
    Books books_of(const master::State& state) const;
    void check_limits(const master::State& state, const Books& books, const master::Offer& offer);
    void check_headroom(const master::State& state, const Books& books, const master::Offer& offer);

    GroundTruth& truth_;
    std::optional<std::set<std::string>> whitelist_;
    std::set<OfferId> seen_;
};

}  // namespace tepui::sim
