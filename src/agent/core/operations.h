#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

// Operations on this agent's own resources: RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME and
// SHRINK_VOLUME. Each is stored with what the agent keeps by it before the master hears of it, and
// before a task that came after it runs; volumes are made and emptied when it is stored. Its end is
// told again (10 s doubling to 10 min) until the master acknowledges it.
//
// The master takes an operation for done when it sends it. When one could not be, the agent says
// what it really keeps, and says it again with the end of every later one of this registration:
// those had crossed the bad news.

/// One that is known by its uuid is not applied again.
void apply_operation(Context& context, const link::ApplyOperation& order);
void acknowledge_operation(Context& context, const link::AcknowledgeOperation& acknowledgement);

void on_operation_durable(Context& context, const OperationAfter& after);
void on_volume_changed(Context& context, const VolumeChanged& changed);
/// The retry timer of that uuid fired.
void on_operation_due(Context& context, const std::string& operation);

/// The agent has just (re-)registered; as a new agent it says what it keeps.
void resume_operations(Context& context, bool as_new);
void pause_operations(Context& context);

/// After a restart: goes on with what was stored.
void recover_operations(Context& context);

/// What the flags give, with what is kept in place of what that was made of.
Resources total_resources(const State& state);

}  // namespace tepui::agent
