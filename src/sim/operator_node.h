#pragma once

#include <string>
#include <vector>

#include "sim/faults.h"
#include "sim/master_node.h"
#include "sim/timeline.h"

namespace tepui::sim {

/// Somebody who drains, deactivates and reactivates agents, takes drains back, marks agents gone,
/// plans maintenance, takes machines down and up, and changes quotas, weights and the whitelist,
/// without waiting for answers.
class OperatorNode {
public:
    /// `machines`: the hostnames of the agents there are; `roles`: those of the frameworks.
    OperatorNode(Timeline& timeline, MasterNode& master, GroundTruth& truth, const Faults& faults,
                 std::vector<std::string> machines, std::vector<std::string> roles)
        : timeline_(timeline),
          master_(master),
          truth_(truth),
          faults_(faults),
          machines_(std::move(machines)),
          roles_(std::move(roles)) {}

    /// What happens in a second.
    void act();
    /// The same, once no more harm is done: all machines are used again.
    void tidy();

private:
    void see_to(const AgentId& agent, const master::State& state);
    void drain(const AgentId& agent);
    void plan_maintenance();
    void take_down();
    void bring_up(double chance);
    void mark_gone();
    void change_sharing();
    void set_priority();
    void set_quota(const std::string& role);

    Timeline& timeline_;
    MasterNode& master_;
    GroundTruth& truth_;
    const Faults& faults_;
    const std::vector<std::string> machines_;
    const std::vector<std::string> roles_;
};

}  // namespace tepui::sim
