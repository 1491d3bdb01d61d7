#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// linux/devices.
std::unique_ptr<Isolator> make_linux_devices(const IsolatorContext& context);

/// The host's device node `device.path` with the rights that `device` gives. Fails when there is
/// none.
Result<DevicePlan> plan_device(const AllowedDevice& device);

}  // namespace tepui::containerizer
