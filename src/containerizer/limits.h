#pragma once

#include <optional>

#include "containerizer/cgroups/plan.h"
#include "containerizer/containerizer.h"

namespace tepui::containerizer {

/// What the cgroups of a new container are to hold. The quota follows the limit that the task
/// gives; with --cgroups_enable_cfs, from the request where it gives none.
cgroups::Limits make_limits(const LaunchSpec& spec, const Options& options);

/// The same for a container that runs: what is not asked for any more is taken away, too.
cgroups::Limits make_limits(const ContainerResources& resources, const Options& options);

/// cgroups::oom_score_adj() of a task on this machine.
std::optional<int> oom_score_adj(const LaunchSpec& spec);

/// Whether some isolator gives the GPUs that are asked for.
Result<void> check_gpus(const LaunchSpec& spec, const Options& options);

}  // namespace tepui::containerizer
