#pragma once

#include <memory>

#include "containerizer/isolator.h"
#include "containerizer/oci/provisioner.h"

namespace tepui::containerizer {

/// Whether the container has an image of its own for a root filesystem.
bool has_image(const LaunchSpec& spec);

/// Fails with unsupported when `isolation` has nobody to care for the container's image, or it is
/// none of Docker's.
Result<void> check_image(const LaunchSpec& spec, const std::vector<std::string>& isolation);

/// Where root filesystems are made.
std::string provisioner_dir(const Options& options);

/// What the log is to say of `isolator` once it has prepared the machine; nothing of any other.
std::vector<std::string> image_warnings(const Isolator& isolator);

/// "docker/runtime": the root filesystem of an image, and what the image says about running it.
std::unique_ptr<Isolator> make_docker_runtime(const IsolatorContext& context);

}  // namespace tepui::containerizer
