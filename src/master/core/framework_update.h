#pragma once

#include "master/core/turn.h"
#include "master/core/validation.h"

namespace tepui::master {

/// Whether UPDATE_FRAMEWORK may be performed; an invalid_argument's text is the 400's body. Unlike
/// a new SUBSCRIBE it refuses to change user, checkpoint and principal.
Result<void> judge_framework_update(const State& state, const Framework& framework,
                                    const mesos::v1::scheduler::Call::UpdateFramework& update);

/// Stores and applies an update that was judged: new roles and capabilities reach the allocator,
/// offers for roles it left are rescinded, its agents are told.
void on_update_framework(Turn& turn, Framework& framework,
                         mesos::v1::scheduler::Call::UpdateFramework update);

/// The framework takes over a new info: roles, capabilities.
void read_framework_info(Framework& framework, mesos::v1::FrameworkInfo info);
allocator::Client client_of(const Framework& framework, const CoreConfig& config);

/// What SUBSCRIBE and UPDATE_FRAMEWORK are judged by.
FrameworkRules framework_rules(const CoreConfig& config);
/// Tells the agents that run its tasks what it looks like now.
void update_agents(Turn& turn, const Framework& framework);

}  // namespace tepui::master
