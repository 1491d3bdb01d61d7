#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// disk/du.
std::unique_ptr<Isolator> make_disk_du(const IsolatorContext& context);

}  // namespace tepui::containerizer
