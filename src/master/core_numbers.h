#pragma once

#include <map>
#include <memory>
#include <optional>
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
    std::optional<WallTime> oldest_offer = {};  // When the oldest one it did not answer was made.
};

/// What the core counted: a copy, for metrics.
struct CoreNumbers {
    Counters counters;
    std::vector<FrameworkNumbers> frameworks;          // Completed ones that are remembered too.
    std::set<std::string> fair_sharing_excluded = {};  // Resource names that shares leave out.
    std::map<std::string, std::size_t> active_filters = {};  // Of offers, by role.
    std::optional<WallTime> oldest_offer = {};               // Of all frameworks.
};

/// Costs O(frameworks + offers); on the loop's thread.
CoreNumbers core_numbers(const State& state);

/// Adds master/frameworks/<name>/<id>/... of one framework. `active`: its tasks that are not ended,
/// by TaskState number.
void add_framework_metrics(std::map<std::string, double>& metrics, const FrameworkNumbers& numbers,
                           const CountByNumber& active, WallTime now);

/// Adds how long the offers of all frameworks have been held, and active filters by role.
void add_offer_metrics(std::map<std::string, double>& metrics, const CoreNumbers& numbers,
                       WallTime now);

}  // namespace tepui::master
