#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// Which devices a container may use: README.md.
std::unique_ptr<Isolator> make_cgroups_devices(const IsolatorContext& context);

/// Makes the kernel ask the program of these rules (device_rules.h) about each use of a device in
/// the cgroup v2 `directory`. It stays when this process ends. Fails with the kernel's reason.
struct DeviceRule;
Result<void> attach_device_program(const std::string& directory,
                                   const std::vector<DeviceRule>& rules);

}  // namespace tepui::containerizer
