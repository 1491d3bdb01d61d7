#include "agent/disk_watch.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

namespace tepui::agent {

Result<double> disk_usage(const std::string& path) {
    struct statvfs system{};
    if (::statvfs(path.c_str(), &system) != 0) {
        return fail(Errc::io, "looking at the disk of {}: {}", path, std::strerror(errno));
    }
    // Root's reserve counts as in use: tasks are not to live on it.
    if (system.f_blocks == 0) return 0.0;
    const double left = static_cast<double>(system.f_bavail) / static_cast<double>(system.f_blocks);
    return 1.0 - left;
}

std::optional<std::uint64_t> disk_free_bytes(const std::string& path) {
    struct statvfs system{};
    if (::statvfs(path.c_str(), &system) != 0) return std::nullopt;
    return std::uint64_t{system.f_bavail} * system.f_frsize;
}

DiskWatch::DiskWatch(std::string path, Duration interval, Told told)
    : thread_([this, path = std::move(path), interval,
               told = std::move(told)](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          do {
              told(disk_usage(path));
          } while (!changed_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); }));
      }) {}

}  // namespace tepui::agent
