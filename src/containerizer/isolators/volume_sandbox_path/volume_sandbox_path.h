#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// volume/sandbox_path.
std::unique_ptr<Isolator> make_volume_sandbox_path(const IsolatorContext& context);

}  // namespace tepui::containerizer
