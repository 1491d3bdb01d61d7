#include "containerizer/cgroups/kill.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <vector>

#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer::cgroups {
namespace fs = std::filesystem;
namespace {

using Deadline = std::chrono::steady_clock::time_point;

std::vector<pid_t> processes(const std::string& directory) {
    std::vector<pid_t> pids;
    std::istringstream words(read_file(directory + "/cgroup.procs"));
    // 0 stands for a process of a pid namespace that we don't see.
    for (pid_t pid = 0; words >> pid;)
        if (pid > 0) pids.push_back(pid);
    return pids;
}

int milliseconds_left(Deadline deadline) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

struct Victim {
    pid_t pid;
    Descriptor handle;
};

/// Kills what is listed now. The handles are taken before the list is read again, so that a pid
/// which was reused meanwhile is never hit.
std::vector<Victim> kill_listed(const std::string& directory) {
    std::vector<Victim> victims;
    for (const pid_t pid : processes(directory)) {
        const long handle = ::syscall(SYS_pidfd_open, pid, 0);
        if (handle >= 0) victims.push_back({pid, Descriptor(static_cast<int>(handle))});
        if (victims.size() == 512)
            break;  // Descriptors are not ours alone; the rest comes next time.
    }
    if (victims.empty()) return victims;
    const std::vector<pid_t> still = processes(directory);
    for (const Victim& victim : victims)
        if (std::ranges::find(still, victim.pid) != still.end())
            ::syscall(SYS_pidfd_send_signal, victim.handle.get(), SIGKILL, nullptr, 0);
    return victims;
}

bool kill_all(const std::string& directory, Deadline deadline) {
    bool forks_forbidden = false;
    for (;;) {
        const std::vector<Victim> victims = kill_listed(directory);
        if (victims.empty()) return true;
        if (!forks_forbidden) {
            // Against fork bombs; whichever of the files this hierarchy has.
            (void)write_file(directory + "/cgroup.kill", "1");
            (void)write_file(directory + "/pids.max", "0");
            forks_forbidden = true;
        }
        for (const Victim& victim : victims) {
            pollfd ended{victim.handle.get(), POLLIN, 0};
            if (::poll(&ended, 1, milliseconds_left(deadline)) == 0) return false;
        }
    }
}

bool destroy_before(const std::string& directory, Deadline deadline) {
    // The common case: nobody is in it any more, and it has no children.
    if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return true;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
        if (it->is_directory(error) && !destroy_before(it->path().string(), deadline)) return false;
    // A process that ended leaves its cgroup a moment after its handle says so.
    for (int pause_ms = 1;; pause_ms = std::min(pause_ms * 2, 50)) {
        if (!kill_all(directory, deadline)) return false;
        if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return true;
        if (milliseconds_left(deadline) == 0) return false;
        ::poll(nullptr, 0, pause_ms);
    }
}

}  // namespace

bool destroy_tree(const std::string& directory, std::chrono::milliseconds patience) {
    return destroy_before(directory, std::chrono::steady_clock::now() + patience);
}

}  // namespace tepui::containerizer::cgroups
