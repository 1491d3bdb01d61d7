#include "coord/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tepui::coord {
namespace {

/// The holder wrote its pid as decimal digits; anything else is not shown.
std::string read_pid(int fd) {
    char text[32];
    const ssize_t count = ::pread(fd, text, sizeof text, 0);
    std::string pid;
    for (ssize_t i = 0; i < count && text[i] >= '0' && text[i] <= '9'; ++i) pid += text[i];
    return pid;
}

void write_pid(int fd) {
    const std::string pid = std::to_string(::getpid()) + "\n";
    // The pid only helps people; the lock holds without it.
    if (::ftruncate(fd, 0) == 0) (void)!::pwrite(fd, pid.data(), pid.size(), 0);
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& path, const std::string& purpose) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail(Errc::io, "opening the lock file {}: {}", path, std::strerror(errno));
    FileLock lock(fd);
    int rc = 0;
    do {
        rc = ::flock(fd, LOCK_EX | LOCK_NB);
    } while (rc != 0 && errno == EINTR);
    if (rc == 0) {
        write_pid(fd);
        return lock;
    }
    if (errno != EWOULDBLOCK) return fail(Errc::io, "locking {}: {}", path, std::strerror(errno));
    const std::string pid = read_pid(fd);
    return fail(Errc::conflict, "{} is in use by {}", purpose,
                pid.empty() ? "another process" : "process " + pid);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace tepui::coord
