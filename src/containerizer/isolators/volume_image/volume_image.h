#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// volume/image.
std::unique_ptr<Isolator> make_volume_image(const IsolatorContext& context);

}  // namespace tepui::containerizer
