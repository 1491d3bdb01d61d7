#pragma once

#include <vector>

#include "cli/flags/flag.h"
#include "master/options.h"

namespace tepui::cli {

/// Flags of `tepui master` about who is offered what.
std::vector<Flag> master_sharing_flags();

/// What they mean. Fails with invalid_argument, naming the flag.
Result<void> read_master_sharing(const Parsed& parsed, master::MasterOptions& options);

}  // namespace tepui::cli
