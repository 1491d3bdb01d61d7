#pragma once

#include <memory>

#include "containerizer/isolator.h"

namespace tepui::containerizer {

std::unique_ptr<Isolator> make_persistent_volumes(const IsolatorContext& context);

/// Those that the container was given last; also of one that an earlier agent launched.
PersistentVolumes stored_volumes(const Isolated& isolated);

/// Whether a volume of the kind SANDBOX_PATH, of PARENT, leads into a persistent volume of the
/// parent: then that one is mounted, by this isolator.
bool leads_into_parent_volume(const LaunchSpec& spec, const mesos::v1::Volume& volume);

}  // namespace tepui::containerizer
