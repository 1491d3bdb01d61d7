#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace tepui::containerizer {

/// Mounts a directory of the host in the mount namespace that the process lives in, on `path`
/// beneath the directory `sandbox` (as that namespace sees it; it exists). No link beneath
/// `sandbox` is followed. Blocks for some system calls.
Result<void> mount_inside(pid_t process, const std::string& source, const std::string& sandbox,
                          const std::string& path, bool read_only);

/// Takes away what is mounted there; nothing is no error. Who has files open in it keeps them.
Result<void> unmount_inside(pid_t process, const std::string& sandbox, const std::string& path);

}  // namespace tepui::containerizer
