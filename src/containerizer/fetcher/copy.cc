#include "containerizer/fetcher/copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "containerizer/unpack/output.h"

namespace tepui::containerizer::fetcher {
namespace {

constexpr std::size_t k_kernel_block = 8 << 20;  // A cancellation is seen between two.
constexpr std::size_t k_block = 1 << 18;

/// Bytes copied, 0 at the end, or -1 when it has to be done by read and write.
ssize_t copy_in_kernel(int from, off_t offset, int to) {
    for (;;) {
        const ssize_t got = ::copy_file_range(from, &offset, to, nullptr, k_kernel_block, 0);
        if (got >= 0 || errno != EINTR) return got;
    }
}

Result<std::size_t> copy_by_hand(int from, off_t offset, int to, std::vector<char>& buffer) {
    buffer.resize(k_block);
    for (;;) {
        const ssize_t got = ::pread(from, buffer.data(), buffer.size(), offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(Errc::io, "cannot read it: {}", errno_text());
        TEPUI_CHECK_OK(unpack::write_all(to, buffer.data(), static_cast<std::size_t>(got)));
        return static_cast<std::size_t>(got);
    }
}

}  // namespace

Result<Descriptor> open_local(const std::string& path) {
    // O_NONBLOCK: a pipe of that name must not hold the worker.
    Descriptor source(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const int error = errno;
    if (!source)
        return fail(error == ENOENT   ? Errc::not_found
                    : error == EACCES ? Errc::denied
                                      : Errc::io,
                    "cannot open '{}': {}", path, errno_text(error));
    struct stat stat{};
    if (::fstat(source.get(), &stat) != 0 || !S_ISREG(stat.st_mode))
        return fail(Errc::invalid_argument, "'{}' is not a file", path);
    return source;
}

Result<void> copy_file(int from, int to, std::uint64_t bytes_max, Counters* counters,
                       const std::atomic<bool>& cancelled) {
    struct stat stat{};
    if (::fstat(from, &stat) != 0) return fail(Errc::io, "cannot look at it: {}", errno_text());
    const auto too_large = [&] {
        return fail(Errc::too_large, "it is larger than the agent allows ({} bytes)", bytes_max);
    };
    const std::uint64_t size = static_cast<std::uint64_t>(stat.st_size);
    if (size > bytes_max) return too_large();
    if (size > 0 && ::ioctl(to, FICLONE, from) == 0) {
        if (counters != nullptr) counters->bytes += size;
        return {};
    }
    std::vector<char> buffer;
    // Files of /proc tell a size of nothing, and are not to be copied by the kernel.
    bool in_kernel = size > 0;
    for (std::uint64_t done = 0;;) {
        if (cancelled.load()) return fail(Errc::cancelled, "the launch was cancelled");
        const off_t offset = static_cast<off_t>(done);
        const ssize_t got = in_kernel ? copy_in_kernel(from, offset, to) : -1;
        in_kernel = got >= 0;
        const std::size_t count = in_kernel ? static_cast<std::size_t>(got)
                                            : TEPUI_TRY(copy_by_hand(from, offset, to, buffer));
        if (count == 0) return {};
        done += count;
        if (done > bytes_max) return too_large();
        if (counters != nullptr) counters->bytes += count;
    }
}

}  // namespace tepui::containerizer::fetcher
