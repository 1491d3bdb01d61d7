#pragma once

#include "master/core/turn.h"

// Roles of higher bands that starve get room from those of lower ones: unused offers are taken
// back, then frameworks are asked to give back what some of their tasks use, then, when the notice
// is over and it is still needed, these are killed. Who starves and what would help is in
// preemption_view.h, who makes room in preemption_policy.h. Nothing of this is stored: a new master
// judges anew from the bands. Without bands nothing is ever looked at.
namespace tepui::master {

/// After every event: what changed is judged at most once a second. O(1).
void consider_preemption(Turn& turn);

/// It is time: ends what was asked for and is still needed, looks for more for those who starve
/// long enough. O(roles + frameworks); for a role that has starved long enough O(agents + tasks).
void judge_preemption(Turn& turn);

}  // namespace tepui::master
