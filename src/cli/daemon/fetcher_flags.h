#pragma once

#include <vector>

#include "cli/flags/flag.h"
#include "containerizer/containerizer.h"

namespace tepui::cli {

/// The agent's flags of the fetcher, which brings the URIs of tasks into their sandboxes.
std::vector<Flag> fetcher_flags();
/// What those mean.
void read_fetcher_flags(const Parsed& parsed, containerizer::Options& options);

}  // namespace tepui::cli
