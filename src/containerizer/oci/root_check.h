#pragma once

#include <string>

#include "base/result.h"

namespace tepui::containerizer::oci {

/// Whether an OCI runtime may be let at the root filesystem `rootfs` (absolute). Runtimes fill /dev
/// by its path before the container's root is their own: where it is a link, runc 1.1 makes files
/// wherever that leads on the host. Fails with denied, naming the place: dev, proc and sys are
/// directories or are not there.
Result<void> check_root(const std::string& rootfs);

}  // namespace tepui::containerizer::oci
