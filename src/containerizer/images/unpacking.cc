#include "containerizer/images/unpacking.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "containerizer/beneath.h"
#include "containerizer/spawn_settings.h"
#include "unlayer/protocol.h"

namespace tepui::containerizer::images {
namespace {

constexpr int k_socket_buffer_bytes = 1 << 20;
constexpr std::chrono::milliseconds k_between_looks{200};
constexpr std::uint64_t k_ratio_max = 100;
constexpr std::uint64_t k_ratio_free_bytes = std::uint64_t{512} << 20;  // Looked at beyond this.
constexpr std::size_t k_report_bytes_max = std::size_t{64} << 20;

Errc code_of(std::string_view kind) {
    if (kind == "corrupt") return Errc::corrupt;
    if (kind == "denied") return Errc::denied;
    return kind == "too_large" ? Errc::too_large : Errc::io;
}

std::uint64_t number_of(const std::string& text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// A copy above the numbers that the child's own get: dup2 in the child must overwrite none of
/// what it still needs.
Result<Descriptor> raised(int fd) {
    Descriptor copy(::fcntl(fd, F_DUPFD_CLOEXEC, UNLAYER_DIRECTORY_FD + 1));
    if (!copy) return fail(Errc::io, "cannot copy a descriptor: {}", errno_text());
    return copy;
}

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

    const Descriptor from[] = {TEPUI_TRY(raised(its_archive.get())),
                               TEPUI_TRY(raised(its_report.get())),
                               TEPUI_TRY(raised(opened.get()))};
    SpawnSettings settings;
    ::posix_spawn_file_actions_adddup2(&settings.actions, from[0].get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&settings.actions, from[1].get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&settings.actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&settings.actions, from[2].get(), UNLAYER_DIRECTORY_FD);
    std::string name = "tepui-unlayer";
    std::string bytes = std::to_string(limits.bytes_max);
    std::string files = std::to_string(limits.files_max);
    char* argv[] = {name.data(), bytes.data(), files.data(), nullptr};
    char* environment[] = {nullptr};
    const int error = ::posix_spawn(&unpacking.pid_, program.c_str(), &settings.actions,
                                    &settings.attributes, argv, environment);
    if (error != 0) {
        unpacking.pid_ = -1;
        return fail(Errc::io, "cannot start '{}': {}", program, errno_text(error));
    }
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

Result<std::vector<std::string>> Unpacking::report() {
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
    std::vector<std::string> fields;
    for (std::size_t begin = 0; begin < bytes.size();) {
        const std::size_t end = bytes.find('\0', begin);
        if (end == std::string::npos) break;
        fields.push_back(bytes.substr(begin, end - begin));
        begin = end + 1;
    }
    return fields;
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
    const std::vector<std::string> fields = TEPUI_TRY(report());
    if (fields.size() == 3 && fields[0] == "error")
        return fail(code_of(fields[1]), "cannot be unpacked: {}", fields[2]);
    const Descriptor root(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail(Errc::io, "cannot open '{}': {}", directory_, errno_text());
    std::size_t at = 0;
    for (; at + 1 < fields.size() && fields[at] == "opaque"; at += 2) {
        const Descriptor marked =
            TEPUI_TRY(open_beneath(root.get(), fields[at + 1], O_RDONLY | O_DIRECTORY));
        if (::fsetxattr(marked.get(), "trusted.overlay.opaque", "y", 1, 0) != 0)
            return fail(Errc::io, "cannot mark '{}' as opaque: {}", fields[at + 1], errno_text());
    }
    if (fields.size() != at + 5 || fields[at] != "done")
        return fail(Errc::io, "the process that unpacks ended before it was done");
    return Unpacked{"sha256:" + fields[at + 1], number_of(fields[at + 2]),
                    number_of(fields[at + 3]), number_of(fields[at + 4])};
}

}  // namespace tepui::containerizer::images
