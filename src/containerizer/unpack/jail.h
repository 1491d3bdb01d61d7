#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"

namespace tepui::containerizer::unpack {

/// Whom the jailed process runs as.
struct JailedAs {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

/// Makes the open directory `directory_fd` all that this process can reach, for good: see unpack.h.
/// As root every step must succeed; another user's process gets what the machine allows it, the
/// system call filter in any case. Single-threaded processes only.
Result<void> enter_jail(int directory_fd, const JailedAs& as);

}  // namespace tepui::containerizer::unpack
