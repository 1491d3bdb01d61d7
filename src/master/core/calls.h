#pragma once

#include "master/core/turn.h"

// Scheduler calls other than SUBSCRIBE. The short ones live here; the rest have machines of their
// own.
namespace tepui::master {

/// Judges a call before its 202: see Core::check_call().
Result<void> check_scheduler_call(const State& state, const mesos::v1::scheduler::Call& call,
                                  const std::optional<StreamId>& stream);
/// Ends a task for a role of a higher band, with its own grace; `why` is what its framework is
/// told.
void kill_displaced(Turn& turn, const Framework& framework, const Task& task,
                    const std::string& why);
/// Performs a call that was let through; one of a framework that left meanwhile is dropped.
/// Kills for an operator what its framework could kill itself.
void on_requested(Turn& turn, const KillRequested& requested);
void on_scheduler_call(Turn& turn, SchedulerCalled called);

}  // namespace tepui::master
