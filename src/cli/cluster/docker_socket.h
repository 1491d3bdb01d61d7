#pragma once

#include <string>

#include "base/time.h"

namespace tepui::cli {

/// Whether a Docker Engine answers a ping at the socket within `patience`. Blocks that long at
/// most.
bool docker_answers(const std::string& socket_path, Duration patience);

}  // namespace tepui::cli
