#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "containerizer/user.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer::fetcher {

/// Where things may come from and how much of them.
struct FetchOptions {
    std::string frameworks_home;
    Duration stall_timeout = 60s;
    std::uint64_t bytes_max = std::uint64_t{16} << 30;
    bool link_local = false;
};

/// Puts every URI of `command` into the sandbox, one after another, with the rights of `user`
/// (nullptr: of this process) both in reading local files and in writing the sandbox. Blocks;
/// `cancelled` ends it soon. URI.cache is taken as a hint and not followed: everything is fetched
/// anew. The error's text is "Failed to fetch all URIs for container '<container>': <which and
/// why>".
Result<void> fetch_all(const mesos::v1::CommandInfo& command, const std::string& container,
                       int sandbox_fd, const User* user, const FetchOptions& options,
                       const std::atomic<bool>& cancelled);

}  // namespace tepui::containerizer::fetcher
