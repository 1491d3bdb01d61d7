#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// linux/nnp.
std::unique_ptr<Isolator> make_linux_nnp(const IsolatorContext& context);

}  // namespace tepui::containerizer
