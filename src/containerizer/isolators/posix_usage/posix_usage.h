#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// posix/cpu and posix/mem: usage without cgroups. README.md.
std::unique_ptr<Isolator> make_posix_usage(const IsolatorContext& context);

}  // namespace tepui::containerizer
