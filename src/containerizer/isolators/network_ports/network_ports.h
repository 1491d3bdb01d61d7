#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// Ends containers that listen on ports they were not given: README.md.
std::unique_ptr<Isolator> make_network_ports(const IsolatorContext& context);

}  // namespace tepui::containerizer
