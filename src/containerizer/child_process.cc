#include "containerizer/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <chrono>

#include "containerizer/spawn_settings.h"

namespace tepui::containerizer {
namespace {

constexpr int k_first_free = 64;  // Above every number a program is given.
constexpr int k_look_ms = 50;     // How soon a cancellation is seen.

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

/// What is there is read; false at the end.
bool read_some(int fd, std::string& output, std::size_t bytes_max) {
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    const std::size_t room = bytes_max - std::min(bytes_max, output.size());
    output.append(buffer, std::min(room, static_cast<std::size_t>(got)));
    return got > 0;
}

}  // namespace

Result<pid_t> start_child(const ChildProgram& program) {
    SpawnSettings settings;
    std::vector<Descriptor> copies;  // Out of the way of the numbers that are given.
    std::array<bool, 3> standard{};
    const auto give = [&](int ours, int number) -> Result<void> {
        Descriptor copy(::fcntl(ours, F_DUPFD_CLOEXEC, k_first_free));
        if (!copy) return fail(Errc::io, "cannot copy a descriptor: {}", errno_text());
        ::posix_spawn_file_actions_adddup2(&settings.actions, copy.get(), number);
        copies.push_back(std::move(copy));
        if (number < 3) standard[static_cast<std::size_t>(number)] = true;
        return {};
    };
    for (const auto& [ours, number] : program.descriptors) TEPUI_CHECK_OK(give(ours, number));
    for (int number = 0; number < 3; ++number)
        if (!standard[static_cast<std::size_t>(number)])
            ::posix_spawn_file_actions_addopen(&settings.actions, number, "/dev/null", O_RDWR, 0);
    const std::vector<char*> argv = pointers(program.argv);
    const std::vector<char*> environment = pointers(program.environment);
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, program.path.c_str(), &settings.actions,
                                    &settings.attributes, argv.data(), environment.data());
    if (error != 0) return fail(Errc::io, "cannot start '{}': {}", program.path, errno_text(error));
    return pid;
}

Result<ChildEnd> run_child(const ChildProgram& program, int output_number,
                           const ChildLimits& limits) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return fail(Errc::io, "cannot make a pipe: {}", errno_text());
    const Descriptor output(ends[0]);
    Descriptor output_end(ends[1]);
    const auto deadline = std::chrono::steady_clock::now() + limits.time_max;
    ChildProgram writing = program;
    writing.descriptors.emplace_back(output_end.get(), output_number);
    const pid_t pid = TEPUI_TRY(start_child(writing));
    output_end = Descriptor();
    const Descriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ChildEnd end;
    std::optional<Error> why;
    for (bool open = true;;) {
        // The program's end counts, not the pipe's: what it started may hold that open.
        std::array<pollfd, 2> events{{{handle.get(), POLLIN, 0}, {output.get(), POLLIN, 0}}};
        ::poll(events.data(), open ? 2 : 1, k_look_ms);
        const bool more = open && events[1].revents != 0;
        if (more) open = read_some(output.get(), end.output, limits.output_bytes_max);
        if (!more && (events[0].revents & POLLIN) != 0) break;
        if (limits.cancelled != nullptr && limits.cancelled->load())
            why = Error{Errc::cancelled, "the launch was cancelled"};
        else if (std::chrono::steady_clock::now() >= deadline)
            why = Error{Errc::timeout, fmt::format("'{}' did not end within {}", program.path,
                                                   format_duration(limits.time_max))};
        else if (limits.give_up)
            why = limits.give_up();
        if (why) break;
    }
    // After a plain end as well: nothing that it started stays.
    ::kill(-pid, SIGKILL);
    if (why) ::kill(pid, SIGKILL);
    while (::waitpid(pid, &end.status, 0) < 0 && errno == EINTR) {
    }
    if (why) return std::unexpected(*why);
    return end;
}

}  // namespace tepui::containerizer
