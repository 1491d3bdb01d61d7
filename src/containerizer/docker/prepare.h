#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "containerizer/containerizer.h"
#include "containerizer/descriptor.h"
#include "containerizer/docker/log_files.h"
#include "containerizer/user.h"

namespace tepui::containerizer::docker {

/// A sandbox that is ready to be mounted into a container.
struct Prepared {
    Descriptor sandbox;
    std::optional<User> user;  // Whose it is; absent: the agent's.
};

/// Makes the sandbox, fetches the task's URIs into it, and makes `paths` in it (relative, clean)
/// where nothing is. Blocks.
std::expected<Prepared, LaunchError> prepare_sandbox(const Options& options, const LaunchSpec& spec,
                                                     const std::vector<std::string>& paths,
                                                     const std::atomic<bool>& cancelled);

/// How the logs of a task are rotated: as the options say, and as its variables do.
Result<LogLimits> log_limits_of(const Options& options, const mesos::v1::CommandInfo& command);

/// What a later agent must know of a container, beside what the Engine does.
struct Record {
    std::string container;
    std::string sandbox;
    std::int64_t uid = -1;  // Of the sandbox's owner; -1: the agent's.
    std::int64_t gid = -1;
    LogLimits logs;
};
/// Files in `directory`, which is made. Before the container is.
Result<void> write_record(const std::string& directory, const Record& record);
Result<Record> read_record(const std::string& directory);

/// Opens a sandbox that exists.
Result<Descriptor> open_sandbox(const std::string& work_dir, const std::string& sandbox);

}  // namespace tepui::containerizer::docker
