#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// linux/seccomp. Fails when the flags contradict each other.
Result<std::unique_ptr<Isolator>> make_linux_seccomp(const IsolatorContext& context);

}  // namespace tepui::containerizer
