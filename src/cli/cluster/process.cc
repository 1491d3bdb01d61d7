#include "cli/cluster/process.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <unistd.h>

namespace tepui::cli {

namespace {

namespace fs = std::filesystem;

std::string read_text(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    return std::move(text).str();
}

/// The environment of a daemon: its flags are all on its command line, and the variables of whoever
/// typed `tepui up` shall not change a cluster.
std::vector<char*> clean_environment() {
    std::vector<char*> kept;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text(*variable);
        if (!text.starts_with("MESOS_") && !text.starts_with("TEPUI_")) kept.push_back(*variable);
    }
    kept.push_back(nullptr);
    return kept;
}

/// Files and attributes of a spawn, freed at the end.
class SpawnSettings {
public:
    explicit SpawnSettings(const std::string& log) {
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        constexpr int log_flags = O_WRONLY | O_CREAT | O_APPEND;
        posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), log_flags, 0644);
        posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
        posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
        posix_spawnattr_init(&attributes);
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
    }

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
};

std::optional<int> parse_pid(std::string_view text) {
    int pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc{} || end != text.data() + text.size() || pid <= 0) return std::nullopt;
    return pid;
}

bool has_open_beneath(const fs::path& descriptors, const std::string& folder) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(descriptors, error)) {
        const std::string target = fs::read_symlink(entry.path(), error).string();
        if (!error && (target == folder || target.starts_with(folder + "/"))) return true;
    }
    return false;
}

/// Directories of a tree, the deepest first.
std::vector<fs::path> tree_of(const fs::path& root) {
    std::vector<fs::path> folders;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root, error)) {
        std::error_code ignored;
        if (!entry.is_directory(ignored) || entry.is_symlink(ignored)) continue;
        for (auto& folder : tree_of(entry.path())) folders.push_back(std::move(folder));
    }
    folders.push_back(root);
    return folders;
}

bool kill_and_remove(const fs::path& root) {
    constexpr int rounds = 50;
    for (int round = 0; round < rounds; ++round) {
        std::error_code error;
        if (!fs::is_directory(root, error)) return true;
        const auto folders = tree_of(root);
        for (const fs::path& folder : folders) {
            std::istringstream pids(read_text(folder / "cgroup.procs"));
            for (int pid = 0; pids >> pid;) {
                if (pid > 0) ::kill(pid, SIGKILL);
            }
        }
        for (const fs::path& folder : folders) ::rmdir(folder.c_str());
        if (!fs::is_directory(root, error)) return true;
        // A killed process leaves its cgroup a moment after the signal.
        ::usleep(20'000);
    }
    return false;
}

}  // namespace

std::optional<std::uint64_t> parse_start_ticks(std::string_view stat) {
    // The name in parentheses may hold anything, also spaces and parentheses; fields 3 on follow
    // it.
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string_view::npos || name_end + 2 >= stat.size()) return std::nullopt;
    std::istringstream fields(std::string(stat.substr(name_end + 2)));
    std::string field;
    constexpr int state_field = 3;
    constexpr int start_field = 22;
    for (int number = state_field; number <= start_field; ++number) {
        if (!(fields >> field)) return std::nullopt;
        if (number == state_field && (field == "Z" || field == "X")) return std::nullopt;
    }
    std::uint64_t ticks = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), ticks);
    if (error != std::errc{} || end != field.data() + field.size()) return std::nullopt;
    return ticks;
}

std::optional<ProcessRef> find_process(int pid) {
    const auto ticks = parse_start_ticks(read_text(fmt::format("/proc/{}/stat", pid)));
    if (!ticks) return std::nullopt;
    return ProcessRef{pid, *ticks};
}

bool is_alive(const ProcessRef& process) { return find_process(process.pid) == process; }

bool send_signal(const ProcessRef& process, int signal) {
    return is_alive(process) && ::kill(process.pid, signal) == 0;
}

Result<ProcessRef> start_daemon(const std::vector<std::string>& arguments, const std::string& log) {
    std::vector<std::string> words = {"tepui"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    auto environment = clean_environment();
    const SpawnSettings settings(log);
    // The path behind the link, so that the daemon is seen by its name.
    std::error_code ignored;
    const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, self.c_str(), &settings.files, &settings.attributes,
                                    argv.data(), environment.data());
    if (error != 0)
        return fail(Errc::io, "cannot start {}: {}", self.string(), std::strerror(error));
    return find_process(pid).value_or(ProcessRef{pid, 0});
}

std::string tail_of(const std::string& path, std::size_t lines) {
    std::istringstream text(read_text(path));
    std::deque<std::string> last;
    for (std::string line; std::getline(text, line);) {
        last.push_back(line);
        if (last.size() > lines) last.pop_front();
    }
    std::string result;
    for (const std::string& line : last) result += "\n  | " + line;
    return result;
}

std::vector<ProcessRef> find_shims(const std::string& runtime_dir) {
    std::vector<ProcessRef> shims;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
        const auto pid = parse_pid(entry.path().filename().string());
        if (!pid || read_text(entry.path() / "comm") != "tepui-shim\n") continue;
        const auto process = find_process(*pid);
        if (process && has_open_beneath(entry.path() / "fd", runtime_dir))
            shims.push_back(*process);
    }
    return shims;
}

bool remove_cgroups(const std::string& root) {
    // v1 mounts controllers below /sys/fs/cgroup, v2 is mounted there itself.
    bool clean = true;
    std::error_code error;
    std::vector<fs::path> hierarchies = {"/sys/fs/cgroup"};
    for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup", error)) {
        std::error_code ignored;
        if (entry.is_directory(ignored) && !entry.is_symlink(ignored))
            hierarchies.push_back(entry.path());
    }
    for (const fs::path& hierarchy : hierarchies) {
        if (!kill_and_remove(hierarchy / root)) clean = false;
        // The parent that agents share goes with the last of them; with others in it, it stays.
        const fs::path parent = fs::path(root).parent_path();
        if (!parent.empty()) ::rmdir((hierarchy / parent).c_str());
    }
    return clean;
}

}  // namespace tepui::cli
