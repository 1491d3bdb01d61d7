#pragma once

#include <vector>

#include "base/result.h"
#include "cli/flags/flag.h"
#include "containerizer/containerizer.h"

namespace tepui::cli {

/// The agent's flags of images and of the containers that have one.
std::vector<Flag> image_flags();
/// What those mean. Fails with invalid_argument, naming the flag.
Result<void> read_image_flags(const Parsed& parsed, containerizer::Options& options);

}  // namespace tepui::cli
