#pragma once

#include <vector>

#include "agent/options.h"
#include "cli/flags/flag.h"

namespace tepui::cli {

/// The agent's flags of disks, volumes, secrets and logs.
std::vector<Flag> storage_flags();
/// What those mean.
void read_storage_flags(const Parsed& parsed, agent::AgentOptions& options);

}  // namespace tepui::cli
