#pragma once

#include <memory>

#include "containerizer/isolator.h"
#include "containerizer/isolators/gpu_nvidia/gpus.h"

namespace tepui::containerizer {

/// GPUs of NVIDIA for containers that ask for `gpus`: README.md.
std::unique_ptr<Isolator> make_gpu_nvidia(const IsolatorContext& context);
/// The same with GPUs found elsewhere.
std::unique_ptr<Isolator> make_gpu_nvidia(const IsolatorContext& context,
                                          std::unique_ptr<GpuDiscovery> discovery,
                                          const std::string& driver_root);

/// How many GPUs this machine has for containers, for the agent's `gpus` resource. Fails as the
/// isolator would.
Result<std::size_t> count_gpus(const GpuOptions& options);

}  // namespace tepui::containerizer
