#pragma once

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "allocator/explain.h"

namespace tepui::allocator {

/// Which agents may be offered to whom at the next allocation, as explain() says, in the small
/// worlds of the differential test (its roles).
class OfferablePairs {
public:
    OfferablePairs(const Allocator& allocator, Instant now) {
        ExplainContext context;
        context.examples_max = 100;  // All.
        for (const char* role : {"*", "a", "a/b", "a/b/x", "c", "b/d"}) {
            for (const auto& framework : allocator.clients_of(role)) {
                const auto answer = allocator.explain(framework, role, context, now).value();
                for (const auto& group : answer.classes) {
                    if (!group.obstacles.empty()) continue;
                    for (const auto& [agent, hostname] : group.examples) {
                        pairs_.emplace(framework.value, role, agent);
                    }
                }
            }
        }
    }

    /// What speaks against it in the round that followed; "" for nothing. Not all that may be
    /// offered is: another may take it first, or use a quota up on another agent. Without quotas
    /// each agent that may be offered is.
    std::string disagreement(const std::vector<Allocation>& given, bool without_quotas) const {
        std::set<std::string> agents;
        for (const auto& [framework, role, agent, resources] : given) {
            agents.insert(agent.value);
            if (!pairs_.contains({framework.value, role, agent.value})) {
                return fmt::format("{} got {} as {}, unexpectedly", framework, agent, role);
            }
        }
        for (const auto& [framework, role, agent] : pairs_) {
            if (given.empty() || (without_quotas && !agents.contains(agent))) {
                return fmt::format("{} as {} should have been offered {}", framework, role, agent);
            }
        }
        return "";
    }

private:
    std::set<std::tuple<std::string, std::string, std::string>> pairs_;
};

}  // namespace tepui::allocator
