#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// Samples of perf events of each container: README.md.
std::unique_ptr<Isolator> make_cgroups_perf_event(const IsolatorContext& context);

}  // namespace tepui::containerizer
