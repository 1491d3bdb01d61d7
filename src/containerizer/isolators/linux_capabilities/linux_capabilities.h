#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// linux/capabilities. Fails when --effective_capabilities go beyond --bounding_capabilities.
Result<std::unique_ptr<Isolator>> make_linux_capabilities(const IsolatorContext& context);

/// The capabilities that this process can hand on: permitted, and in its bounding set. Fails when
/// /proc does not tell.
Result<std::uint64_t> own_capabilities();

}  // namespace tepui::containerizer
