#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// A traffic class for each container's packets: README.md.
std::unique_ptr<Isolator> make_cgroups_net_cls(const IsolatorContext& context);

}  // namespace tepui::containerizer
