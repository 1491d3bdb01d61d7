#pragma once

#include <vector>

#include "cli/flags/flag.h"
#include "containerizer/containerizer.h"

namespace tepui::cli {

/// The agent's flags of containerizers and of the Docker Engine.
std::vector<Flag> docker_flags();
/// What those mean; each was checked before.
Result<void> read_docker_flags(const Parsed& parsed, containerizer::Options& options);

}  // namespace tepui::cli
