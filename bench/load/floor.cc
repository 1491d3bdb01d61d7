#include "bench/load/floor.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

namespace tepui::bench {
namespace {

constexpr std::size_t k_stack_bytes = 64 << 10;
constexpr int k_removals_max = 1'000;

/// What the child needs; it shares memory with its parent, which waits.
struct Child {
    std::vector<std::string> joins;
    const char* program = nullptr;
};

int run_child(void* argument) {
    const auto& child = *static_cast<const Child*>(argument);
    for (const std::string& join : child.joins) {
        const int fd = ::open(join.c_str(), O_WRONLY | O_CLOEXEC);
        if (fd < 0 || ::write(fd, "0", 1) != 1) ::_exit(126);
        ::close(fd);
    }
    char* argv[] = {const_cast<char*>(child.program), nullptr};
    char* environment[] = {nullptr};
    ::execve(child.program, argv, environment);
    ::_exit(127);
}

bool write_text(const std::string& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    return done;
}

/// A cgroup is busy for a moment after the end of its last process.
bool remove_group(const std::string& path) {
    for (int i = 0; i < k_removals_max; ++i) {
        if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
        if (errno != EBUSY) return false;
        std::this_thread::yield();
    }
    return false;
}

bool has_word(const std::string& list, const std::string& word) {
    return ("," + list + ",").find("," + word + ",") != std::string::npos;
}

}  // namespace

Result<Floor> Floor::make(const std::string& name, std::string program) {
    Floor floor(std::move(program));
    std::ifstream mounts("/proc/mounts");
    std::string line;
    const std::array<std::pair<const char*, std::pair<std::string, std::string>>, 3> v1{{
        {"cpu", {"cpu.shares", "102"}},
        {"memory", {"memory.limit_in_bytes", "67108864"}},
        {"pids", {"pids.max", "100"}},
    }};
    std::string unified;
    while (std::getline(mounts, line)) {
        std::istringstream fields(line);
        std::string device, path, type, options;
        fields >> device >> path >> type >> options;
        if (type == "cgroup2") unified = path;
        if (type != "cgroup") continue;
        Group group{path + "/" + name, {}};
        for (const auto& [controller, limit] : v1)
            if (has_word(options, controller)) group.limits.push_back(limit);
        if (!group.limits.empty()) floor.groups_.push_back(std::move(group));
    }
    if (floor.groups_.empty() && !unified.empty()) {
        floor.groups_.push_back(
            {unified + "/" + name,
             {{"cpu.weight", "10"}, {"memory.max", "67108864"}, {"pids.max", "100"}}});
        write_text(unified + "/cgroup.subtree_control", "+cpu +memory +pids");
    }
    if (floor.groups_.empty()) return fail(Errc::unsupported, "no cgroups are mounted");
    for (const Group& group : floor.groups_) {
        if (::mkdir(group.root.c_str(), 0755) != 0 && errno != EEXIST)
            return fail(Errc::io, "cannot make the cgroup {}; the floor needs root", group.root);
    }
    if (floor.groups_.size() == 1)
        write_text(floor.groups_[0].root + "/cgroup.subtree_control", "+cpu +memory +pids");
    return floor;
}

Floor::~Floor() {
    for (const Group& group : groups_) remove_group(group.root);
}

Result<Floor::Times> Floor::run(unsigned serial) const {
    const auto stack = std::make_unique_for_overwrite<char[]>(k_stack_bytes);
    const auto begin = SteadyClock::now();
    Child child;
    child.program = program_.c_str();
    std::vector<std::string> paths;
    for (const Group& group : groups_) {
        paths.push_back(fmt::format("{}/{}", group.root, serial));
        child.joins.push_back(paths.back() + "/cgroup.procs");
        if (::mkdir(paths.back().c_str(), 0755) != 0)
            return fail(Errc::io, "cannot make {}", paths.back());
        for (const auto& [file, value] : group.limits)
            if (!write_text(fmt::format("{}/{}", paths.back(), file), value))
                return fail(Errc::io, "cannot write {} of {}", file, paths.back());
    }
    const int flags = CLONE_VM | CLONE_VFORK | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD;
    const pid_t pid = ::clone(run_child, stack.get() + k_stack_bytes, flags, &child);
    if (pid < 0) return fail(Errc::io, "cannot clone: errno {}", errno);
    Times times;
    times.exec_us = micros(SteadyClock::now() - begin);
    int status = 0;
    ::waitpid(pid, &status, 0);
    times.wait_us = micros(SteadyClock::now() - begin);
    for (const std::string& path : paths)
        if (!remove_group(path)) return fail(Errc::io, "cannot remove {}: errno {}", path, errno);
    times.gone_us = micros(SteadyClock::now() - begin);
    if (status != 0) return fail(Errc::io, "the bare program ended with wait status {}", status);
    return times;
}

Result<double> Floor::rate(unsigned count, unsigned threads) const {
    std::mutex mutex;
    unsigned next = 0;
    std::optional<Error> error;
    const auto work = [&] {
        for (;;) {
            unsigned serial = 0;
            {
                const std::scoped_lock lock(mutex);
                if (next == count || error) return;
                serial = next++;
            }
            const Result<Times> times = run(serial);
            if (times) continue;
            const std::scoped_lock lock(mutex);
            error = times.error();
        }
    };
    const auto begin = SteadyClock::now();
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < threads; ++i) workers.emplace_back(work);
    for (std::thread& worker : workers) worker.join();
    if (error) return std::unexpected(*error);
    return count / seconds_between(begin, SteadyClock::now());
}

}  // namespace tepui::bench
