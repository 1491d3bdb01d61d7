#pragma once

#include <memory>

#include "containerizer/isolator.h"
#include "containerizer/isolators/docker_volume/volume_driver.h"

namespace tepui::containerizer {

/// docker/volume.
std::unique_ptr<Isolator> make_docker_volume(const IsolatorContext& context);
/// The same with drivers of a test.
std::unique_ptr<Isolator> make_docker_volume(const IsolatorContext& context,
                                             std::unique_ptr<VolumeDrivers> drivers);

}  // namespace tepui::containerizer
