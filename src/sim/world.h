#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/agent_node.h"
#include "sim/faults.h"
#include "sim/framework_node.h"
#include "sim/ground_truth.h"
#include "sim/master_node.h"
#include "sim/network.h"
#include "sim/timeline.h"

namespace tepui::sim {

/// What one run of a seed came to.
struct Outcome {
    std::vector<std::string> breaches;  // Empty when every invariant held.
    int tasks_asked = 0;
    int tasks_started = 0;
    int tasks_called_off = 0;  // Killed before they ran.
    int tasks_displaced = 0;
    std::uint64_t events = 0;
    std::uint64_t fingerprint = 0;  // Equal for equal seeds and scenarios.
};

/// Runs a whole cluster from one seed: chaos first, then calm, then a look at whether frameworks,
/// master, agents and machines agree (I4, I6, I14).
/// `trace`, if given, gets the run's story line by line.
Outcome run(std::uint64_t seed, const Scenario& scenario,
            std::function<void(const std::string&)> trace = nullptr);

/// The scenario a seed stands for when none is given: sizes and kinds of frameworks vary with it.
Scenario scenario_of(std::uint64_t seed);

}  // namespace tepui::sim
