#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/time.h"

namespace tepui::agent {

/// What part of the file system that `path` is on is in use, 0 to 1, as those without root's
/// reserve see it.
Result<double> disk_usage(const std::string& path);

/// Bytes that are left there, without root's reserve; nothing when it cannot be told.
std::optional<std::uint64_t> disk_free_bytes(const std::string& path);

/// Looks at a file system at once and then every `interval`, on a thread of its own.
class DiskWatch {
public:
    using Told = std::function<void(Result<double>)>;
    DiskWatch(std::string path, Duration interval, Told told);

private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::jthread thread_;  // Last: it uses the others.
};

}  // namespace tepui::agent
