#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "master/core/state.h"

namespace tepui::master {

/// What the core counted for one framework.
struct FrameworkNumbers {
    FrameworkId id;
    std::shared_ptr<const mesos::v1::FrameworkInfo> info;
    FrameworkTally tally;
    bool subscribed = false;
    std::vector<std::pair<std::string, bool>> roles;  // And whether each is suppressed.
};

/// What the core counted: a copy, for metrics.
struct CoreNumbers {
    Counters counters;
    std::vector<FrameworkNumbers> frameworks;          // Completed ones that are remembered too.
    std::set<std::string> fair_sharing_excluded = {};  // Resource names that shares leave out.
};

/// Costs O(frameworks); on the loop's thread.
CoreNumbers core_numbers(const State& state);

/// Adds master/frameworks/<name>/<id>/... of one framework. `active`: its tasks that are not ended,
/// by TaskState number.
void add_framework_metrics(std::map<std::string, double>& metrics, const FrameworkNumbers& numbers,
                           const CountByNumber& active);

}  // namespace tepui::master
