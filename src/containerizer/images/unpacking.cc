#include "containerizer/images/unpacking.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "containerizer/beneath.h"
#include "containerizer/child_process.h"
#include "containerizer/unpack/arguments.h"

namespace tepui::containerizer::images {
namespace {

constexpr int k_socket_buffer_bytes = 1 << 20;
constexpr std::chrono::milliseconds k_between_looks{200};
constexpr std::uint64_t k_ratio_max = 100;
constexpr std::uint64_t k_ratio_free_bytes = std::uint64_t{512} << 20;  // Looked at beyond this.
constexpr std::size_t k_report_bytes_max = std::size_t{64} << 20;

}  // namespace

Result<Unpacking> Unpacking::start(const std::string& program, const std::string& directory,
                                   const Limits& limits) {
    Unpacking unpacking(directory, limits);
    const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int ends[2];
    if (!opened || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return fail(Errc::io, "cannot unpack into '{}': {}", directory, errno_text());
    unpacking.archive_ = Descriptor(ends[0]);
    const Descriptor its_archive(ends[1]);
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return fail(Errc::io, "cannot make a pipe: {}", errno_text());
    unpacking.report_ = Descriptor(ends[0]);
    const Descriptor its_report(ends[1]);
    ::setsockopt(unpacking.archive_.get(), SOL_SOCKET, SO_SNDBUF, &k_socket_buffer_bytes,
                 sizeof k_socket_buffer_bytes);
    ::shutdown(unpacking.archive_.get(), SHUT_RD);

    unpack::Arguments arguments;
    arguments.kind = unpack::Kind::layer;
    arguments.as = {::geteuid(), ::getegid(), {}};
    arguments.limits.bytes_max = limits.bytes_max;
    arguments.limits.entries_max = limits.files_max;
    ChildProgram child;
    child.path = program;
    child.argv = unpack::write_arguments(arguments);
    child.descriptors = {{its_archive.get(), unpack::k_archive_number},
                         {opened.get(), unpack::k_directory_number},
                         {its_report.get(), unpack::k_answer_number}};
    unpacking.pid_ = TEPUI_TRY(start_child(child));
    return unpacking;
}

std::uint64_t unpacked_max(std::uint64_t packed, std::uint64_t bytes_max) {
    if (packed >= bytes_max / k_ratio_max) return bytes_max;
    return std::min(bytes_max, std::max(k_ratio_free_bytes, packed * k_ratio_max));
}

Unpacking::Unpacking(Unpacking&& other) noexcept
    : directory_(std::move(other.directory_)),
      limits_(other.limits_),
      pid_(std::exchange(other.pid_, -1)),
      archive_(std::move(other.archive_)),
      report_(std::move(other.report_)) {}

Unpacking::~Unpacking() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

/// Until `fd` is ready, or the work is cancelled.
Result<void> Unpacking::wait_for(int fd, short events, Duration patience) const {
    for (Duration waited{}; waited < patience; waited += k_between_looks) {
        if (limits_.cancelled && limits_.cancelled())
            return fail(Errc::cancelled, "unpacking was cancelled");
        pollfd ready{fd, events, 0};
        const int count = ::poll(&ready, 1, static_cast<int>(k_between_looks.count()));
        if (count > 0 || (count < 0 && errno != EINTR)) return {};
    }
    return fail(Errc::io, "unpacking came to a halt for {}", format_duration(patience));
}

Result<void> Unpacking::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent =
            ::send(archive_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) {  // It gave up, and has said why.
            const Result<Unpacked> end = finish();
            if (!end) return std::unexpected(end.error());
            return fail(Errc::corrupt, "the archive goes on behind its end");
        }
        TEPUI_CHECK_OK(wait_for(archive_.get(), POLLOUT, limits_.stall_timeout));
    }
    return {};
}

Result<std::string> Unpacking::report() {
    std::string bytes;
    char buffer[4096];
    for (;;) {
        // What is in the socket still has to be written to the disk.
        TEPUI_CHECK_OK(wait_for(report_.get(), POLLIN, 10min));
        const ssize_t count = ::read(report_.get(), buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        bytes.append(buffer, static_cast<std::size_t>(count));
        if (bytes.size() > k_report_bytes_max)
            return fail(Errc::too_large, "the report of unpacking is too long");
    }
    return bytes;
}

Result<Unpacked> Unpacking::finish() {
    archive_ = Descriptor();
    Result<Unpacked> end = read_end();
    int status = 0;
    if (pid_ > 0 && end) {
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
        pid_ = -1;
    }
    return end;
}

Result<Unpacked> Unpacking::read_end() {
    const std::string answer = TEPUI_TRY(report());
    if (answer.empty()) return fail(Errc::io, "the process that unpacks ended before it was done");
    const Result<unpack::Unpacked> done = unpack::read_answer(answer);
    if (!done) return fail(done.error().code, "cannot be unpacked: {}", done.error().text);
    const Descriptor root(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail(Errc::io, "cannot open '{}': {}", directory_, errno_text());
    for (const std::string& path : done->opaque) {
        const Descriptor marked = TEPUI_TRY(open_beneath(root.get(), path, O_RDONLY | O_DIRECTORY));
        if (::fsetxattr(marked.get(), "trusted.overlay.opaque", "y", 1, 0) != 0)
            return fail(Errc::io, "cannot mark '{}' as opaque: {}", path, errno_text());
    }
    return Unpacked{"sha256:" + done->sha256, done->bytes, done->entries, done->skipped};
}

}  // namespace tepui::containerizer::images
