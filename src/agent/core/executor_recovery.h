#pragma once

#include "agent/core/context.h"

namespace tepui::agent {

/// Brings a stored custom executor and what was found of its container together. One that lives is
/// awaited: it has to subscribe within executor_reregistration_timeout.
void recover_executor(Context& context, const ExecutorKey& key, const FoundContainer* found);

/// Whether some executor has yet to come back after a restart.
bool awaits_executors(const State& state);

}  // namespace tepui::agent
