#pragma once

#include <memory>
#include <string>
#include <vector>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// Containers in networks of their own, made by CNI plugins: README.md.
std::unique_ptr<Isolator> make_network_cni(const IsolatorContext& context);

/// Refuses named networks when no isolator is enabled that has them, by a text that names it.
Result<void> check_networks(const LaunchSpec& spec, const std::vector<std::string>& isolation);

/// Whether a launch waits for plugins.
bool has_networks(const LaunchSpec& spec);

}  // namespace tepui::containerizer
