#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "master/core/state.h"
#include "sim/ground_truth.h"

namespace tepui::sim {

/// Watches the kills that a master sends to make room for roles of higher bands: a victim's band is
/// strictly lower, nothing ends without bands, none ends twice or that could be spared, and while
/// the bands stay as they are no role displaces one that displaced it.
class PreemptionOracle {
public:
    explicit PreemptionOracle(GroundTruth& truth) : truth_(truth) {}

    /// The master begins anew.
    void begin();
    /// A frame goes to an agent, after the step that made it.
    void sent(const master::State& state, const link::ToAgent& frame);
    /// After each step.
    void check(const master::State& state);
    /// Kills seen, in all lives.
    int kills() const { return kills_; }

private:
    void check_bands(const master::State& state, const std::string& displacer,
                     const std::string& victim, const TaskId& task);
    void check_need(const master::State& state, const master::WorkKey& key,
                    const master::Displacement& its);

    GroundTruth& truth_;
    std::map<std::string, std::int32_t> bands_;
    std::set<std::pair<std::string, std::string>> displaced_by_;  // Victim's role, displacer.
    std::set<master::WorkKey> known_;                             // Killed, by this master.
    int kills_ = 0;
};

}  // namespace tepui::sim
