#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesos/v1/master/master.pb.h"

// Priority bands of roles, as /tepui/priorities gives and takes them. All pure.
namespace tepui::cli {

using Priorities = std::map<std::string, std::int32_t>;

/// {"prod":10}
Result<Priorities> parse_priorities(const std::string& body);
std::string priorities_body(const Priorities& priorities);

/// "ROLE=BAND" each.
Result<Priorities> parse_priority_words(const std::vector<std::string>& words);
/// Every role with band 0; not_found for one that has none.
Result<Priorities> removed_priorities(const Priorities& now, const std::vector<std::string>& roles);

struct PriorityPlan {
    std::vector<std::string> lines;     // What will be different.
    std::vector<std::string> warnings;  // Whose tasks may be displaced then.
};
/// `tasks`: a GET_TASKS answer.
PriorityPlan plan_priorities(const Priorities& now, const Priorities& wanted,
                             const mesos::v1::master::Response& tasks);

}  // namespace tepui::cli
