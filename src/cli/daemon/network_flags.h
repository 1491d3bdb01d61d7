#pragma once

#include <vector>

#include "base/result.h"
#include "cli/flags/flag.h"
#include "containerizer/network_options.h"

namespace tepui::cli {

/// The agent's flags of container networks.
std::vector<Flag> network_flags();
/// What those mean. Fails with invalid_argument, naming the flag.
Result<void> read_network_flags(const Parsed& parsed, containerizer::NetworkOptions& options);

}  // namespace tepui::cli
