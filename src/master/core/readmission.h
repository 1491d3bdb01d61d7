#pragma once

#include <vector>

#include "master/core/turn.h"

// What an agent brings along when it registers again: tasks, executors and frameworks, set against
// what this master thinks it has. The agent is right about what runs, the master about which
// frameworks have ended.
namespace tepui::master {

/// What the master knew of the agent before.
struct Readmission {
    bool was_registered = false;  // And was not lost since.
    bool was_lost = false;        // Unreachable or removed: its tasks' frameworks were told so.
};

/// The frameworks of `frame` that have ended: the agent shuts them down.
std::vector<FrameworkId> ended_frameworks_of(const State& state,
                                             const link::ReregisterAgent& frame);

/// Takes in what the frame reports; the registration is answered already. With was_registered the
/// agent's account is open in the allocator; else the caller opens it afterwards.
void readmit(Turn& turn, Agent& agent, const link::ReregisterAgent& frame, Readmission before);

/// What the agent may have missed: kills, newer FrameworkInfos.
void catch_up(Turn& turn, Agent& agent, const link::ReregisterAgent& frame);

}  // namespace tepui::master
