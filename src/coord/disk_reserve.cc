#include "coord/disk_reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <utility>

namespace tepui::coord {
namespace {

constexpr std::uint64_t refill_factor = 4;

}  // namespace

DiskReserve::DiskReserve(std::string path, std::uint64_t bytes)
    : path_(std::move(path)), bytes_(bytes) {
    if (bytes_ > 0) keep();
}

void DiskReserve::keep() {
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return;
    kept_ = ::posix_fallocate(file, 0, static_cast<off_t>(bytes_)) == 0;
    ::close(file);
    if (!kept_) ::unlink(path_.c_str());
}

bool DiskReserve::release() {
    if (!std::exchange(kept_, false)) return false;
    return ::unlink(path_.c_str()) == 0;
}

void DiskReserve::refill() {
    if (kept_ || bytes_ == 0) return;
    const std::size_t slash = path_.rfind('/');
    struct statvfs disk{};
    if (::statvfs(slash == std::string::npos ? "." : path_.substr(0, slash + 1).c_str(), &disk) !=
        0)
        return;
    if (std::uint64_t{disk.f_bavail} * disk.f_frsize >= refill_factor * bytes_) keep();
}

}  // namespace tepui::coord
