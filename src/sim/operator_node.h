#pragma once

#include <string>
#include <vector>

#include "sim/faults.h"
#include "sim/master_node.h"
#include "sim/timeline.h"

namespace tepui::sim {

/// Somebody who drains, deactivates and reactivates agents, takes drains back and plans
/// maintenance, without waiting for answers.
class OperatorNode {
public:
    /// `machines`: the hostnames of the agents there are.
    OperatorNode(Timeline& timeline, MasterNode& master, const Faults& faults,
                 std::vector<std::string> machines)
        : timeline_(timeline), master_(master), faults_(faults), machines_(std::move(machines)) {}

    /// What happens in a second.
    void act();

private:
    void see_to(const AgentId& agent, const master::State& state);
    void drain(const AgentId& agent);
    void plan_maintenance();

    Timeline& timeline_;
    MasterNode& master_;
    const Faults& faults_;
    const std::vector<std::string> machines_;
};

}  // namespace tepui::sim
