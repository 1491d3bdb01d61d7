#pragma once

#include <string>

#include "base/result.h"

namespace tepui::coord {

/// This process' exclusive claim on something, held through a lock file. The kernel drops it when
/// the process ends in whatever way, so that there is no stale lock to clean up; the file itself
/// stays.
class FileLock {
public:
    /// Takes the lock or fails at once: conflict when somebody holds it (the text names the file
    /// and, if it can be read, the process), io when the file cannot be made. `purpose` names what
    /// is locked in that text: "the store /var/lib/tepui/registry.db".
    static Result<FileLock> acquire(const std::string& path, const std::string& purpose);

    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&& other) noexcept;
    ~FileLock();

private:
    explicit FileLock(int fd) : fd_(fd) {}

    int fd_ = -1;
};

}  // namespace tepui::coord
