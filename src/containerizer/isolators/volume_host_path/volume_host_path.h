#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// volume/host_path.
std::unique_ptr<Isolator> make_volume_host_path(const IsolatorContext& context);

}  // namespace tepui::containerizer
