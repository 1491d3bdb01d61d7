#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "containerizer/fetcher/target.h"

namespace tepui::containerizer::fetcher {

/// The hadoop client: `hadoop_home`/bin/hadoop, else that of HADOOP_HOME, else the first in PATH of
/// `agent`. Nothing when none of them can be executed.
std::optional<std::string> find_hadoop(const std::string& hadoop_home, const Variables& agent);

struct HadoopCopy {
    std::string client;
    Variables environment;  // The agent's: the client is a script that needs it.
    std::string user;       // HADOOP_USER_NAME.
    std::string uri;
    std::string to;          // A file that does not exist, where no task can write.
    Duration stall_timeout;  // Of bytes in that file; the client's own start is given as much.
    std::uint64_t bytes_max = 0;
};

/// `hadoop fs -copyToLocal URI FILE`. Its error output is the reason of a failure.
Result<void> hadoop_copy(const HadoopCopy& copy, const std::atomic<bool>& cancelled);

}  // namespace tepui::containerizer::fetcher
