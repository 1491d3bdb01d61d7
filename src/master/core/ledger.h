#pragma once

#include <optional>

#include "base/time.h"
#include "master/core/turn.h"
#include "resources/conversion.h"

// The one place where resources move between free, offered and used, on an agent's record and in
// the allocator alike. For the allocator offered and used are both "allocated".
//
// Invariants: (1) an agent's `offered` is the sum of its offers' resources and `used` the sum of
// its charged tasks and executors; (2) the allocator counts exactly offered + used; (3) what one
// call gives back, an earlier call took: a broken balance asserts. An agent that reports more tasks
// or fewer resources than before may use more than its total; nothing is offered on it meanwhile.
namespace tepui::master {

/// The allocator knows the agent from here on, with what it uses already.
void open_account(Turn& turn, Agent& agent);
/// Every offer and use must have been released before.
void close_account(Turn& turn, Agent& agent);
void set_total(Turn& turn, Agent& agent, Resources total);

/// Free -> offered; the allocator has given them.
void hold_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                  const Resources& resources);
/// Offered -> free; `refuse` as in Allocator::recover().
void release_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                     const Resources& resources, std::optional<Duration> refuse);
/// Offered -> used, for a task that is launched.
void use_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                 const Resources& resources);
/// Turns offered resources into others, on the agent's total too. What the conversion takes is
/// offered to the framework and part of the total (operation_validation.h judges that before).
void convert_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                     const Conversion& conversion);
/// The same with what is free.
void convert_free(Turn& turn, Agent& agent, const Conversion& conversion);
/// One more copy of shared resources that are offered already: each task takes one.
void share_offered(Turn& turn, Agent& agent, const FrameworkId& framework,
                   const Resources& resources);
/// Free -> used, for what an agent reports. With `in_allocator` false the account is not open yet.
void use_reported(Turn& turn, Agent& agent, const FrameworkId& framework,
                  const Resources& resources, bool in_allocator = true);
/// What of a report can be charged: an agent may say that two of its tasks have the same port (or
/// set item, or volume), which counts for the first of them only. Amounts always add up.
Resources not_held(const Agent& agent, const Resources& reported);
/// Used -> free.
void release_used(Turn& turn, Agent& agent, const FrameworkId& framework,
                  const Resources& resources);

/// Recounts everything from offers and tasks; false when the ledger is out of step. For tests: it
/// costs O(offers + tasks).
bool ledger_balances(const State& state);

}  // namespace tepui::master
