#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>

#include <fmt/core.h>

#include "cli/client/container_session.h"
#include "cli/verbs/common.h"
#include "cli/verbs/files.h"
#include "cli/verbs/task_place.h"
#include "cli/verbs/verbs.h"

extern char** environ;

namespace tepui::cli {

namespace {

namespace fs = std::filesystem;

/// A file without a name: an archive on its way.
class Spool {
public:
    static Result<Spool> make() {
        const char* const folder = ::getenv("TMPDIR");
        const int file =
            ::open(folder == nullptr ? "/tmp" : folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (file < 0) return fail(Errc::io, "cannot make a temporary file; set TMPDIR");
        return Spool(file);
    }
    Spool(Spool&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
    Spool& operator=(Spool&&) = delete;
    ~Spool() {
        if (file_ >= 0) ::close(file_);
    }
    int file() const { return file_; }
    bool write(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t wrote = ::write(file_, bytes.data(), bytes.size());
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(wrote));
        }
        return true;
    }
    void rewind() const { ::lseek(file_, 0, SEEK_SET); }

private:
    explicit Spool(int file) : file_(file) {}
    int file_;
};

/// Runs this machine's tar with the spool as its input or output.
Result<void> run_tar(std::vector<std::string> arguments, int input, int output) {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (input >= 0) ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, "tar", &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return fail(Errc::io, "cannot start tar: {}", std::strerror(error));
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) return fail(Errc::io, "tar failed with status {}", code_of(status));
    return {};
}

/// A file under another name: through a link that is followed.
Result<void> pack_renamed(const std::string& source, const std::string& name, int output) {
    std::error_code error;
    std::string folder = fs::temp_directory_path(error).string() + "/tepui-cp-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr)
        return fail(Errc::io, "cannot make a temporary folder; set TMPDIR");
    fs::create_symlink(fs::absolute(source), folder + "/" + name, error);
    Result<void> packed = run_tar({"tar", "-C", folder, "-h", "-cf", "-", "--", name}, -1, output);
    fs::remove_all(folder, error);
    return packed;
}

/// So that relative paths of the command are beneath the sandbox. Docker starts commands where the
/// image says instead, and only inside is known where the sandbox is.
std::vector<std::string> in_sandbox(const TaskPlace& place, std::vector<std::string> command) {
    if (place.task.container().type() != mesos::v1::ContainerInfo::DOCKER) return command;
    std::vector<std::string> wrapped{"sh", "-c", R"(cd "$MESOS_SANDBOX" && exec "$@")", "sh"};
    std::ranges::move(command, std::back_inserter(wrapped));
    return wrapped;
}

/// Runs tar in the task's container, with `spool` as its input or to take its output.
asio::awaitable<Result<void>> tar_in_task(http::Client& client, const TaskPlace& place,
                                          const Console& console, std::vector<std::string> command,
                                          const Spool& spool, bool uploads) {
    SessionOptions options;
    options.parent = place.container;
    options.command = in_sandbox(place, std::move(command));
    options.err = console.err;
    bool full = false;
    options.out = [&](std::string_view bytes) {
        if (!uploads) full = full || !spool.write(bytes);
    };
    options.input = [&spool, uploads]() -> asio::awaitable<std::optional<std::string>> {
        std::string bytes(std::size_t{256} << 10, '\0');
        const ssize_t got = uploads ? ::read(spool.file(), bytes.data(), bytes.size()) : 0;
        if (got <= 0) co_return std::nullopt;
        bytes.resize(static_cast<std::size_t>(got));
        co_return std::move(bytes);
    };
    auto end = co_await run_session(client, place.agent, std::move(options));
    if (!end) co_return std::unexpected(end.error());
    if (full) co_return fail(Errc::io, "the temporary folder is full; set TMPDIR");
    constexpr int not_started = 1;  // A program that is not there ends so, too.
    if (code_of(*end) == not_started)
        co_return fail(Errc::io, "tar in the container failed, or there is none");
    if (*end != 0) co_return fail(Errc::io, "tar in the container ended with {}", code_of(*end));
    co_return Result<void>{};
}

/// "/a/b/" -> {"/a", "b"}.
std::pair<std::string, std::string> split(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {".", path};
    std::string name = path.substr(slash + 1);
    if (name.empty()) name = ".";
    return {slash == 0 ? "/" : path.substr(0, slash), name};
}

/// Of a container's file by its whole path.
asio::awaitable<Result<void>> download(http::Client& client, const TaskPlace& place,
                                       const Console& console, std::string path,
                                       std::string target) {
    const auto spool = Spool::make();
    if (!spool) co_return std::unexpected(spool.error());
    const auto [around, name] = split(path);
    auto made = co_await tar_in_task(client, place, console,
                                     {"tar", "-C", around, "-cf", "-", "--", name}, *spool, false);
    if (!made) co_return made;
    spool->rewind();
    std::error_code error;
    const bool into_folder = fs::is_directory(target, error) || target.ends_with('/');
    if (into_folder) {
        fs::create_directories(target, error);
        co_return run_tar({"tar", "-C", target, "--no-same-owner", "-xf", "-"}, spool->file(), -1);
    }
    // Under another name: beside its place first.
    const fs::path folder = fs::path(target).parent_path();
    std::string beside = (folder.empty() ? fs::path(".") : folder).string() + "/.tepui-cp-XXXXXX";
    if (::mkdtemp(beside.data()) == nullptr)
        co_return fail(Errc::io, "cannot write in '{}': {}", folder.string(), std::strerror(errno));
    Result<void> done =
        run_tar({"tar", "-C", beside, "--no-same-owner", "-xf", "-"}, spool->file(), -1);
    if (done) {
        fs::rename(beside + "/" + name, target, error);
        if (error) done = fail(Errc::io, "cannot write '{}': {}", target, error.message());
    }
    fs::remove_all(beside, error);
    co_return done;
}

asio::awaitable<Result<void>> upload(http::Client& client, const TaskPlace& place,
                                     const Console& console, std::string source, std::string path) {
    std::error_code error;
    if (!fs::exists(source, error))
        co_return fail(Errc::not_found, "there is no file '{}'", source);
    const auto spool = Spool::make();
    if (!spool) co_return std::unexpected(spool.error());
    const auto [from, own_name] = split(fs::absolute(source).lexically_normal().string());
    // Into a folder when the path ends like one; else under the path's own name.
    const bool into_folder = path.empty() || path.ends_with('/');
    const auto [around, new_name] = split(path.empty() ? "." : path);
    std::string folder = into_folder ? (path.empty() ? "." : path) : around;
    Result<void> packed;
    if (into_folder || own_name == new_name) {
        packed = run_tar({"tar", "-C", from, "-cf", "-", "--", own_name}, -1, spool->file());
    } else if (fs::is_directory(source, error)) {
        // What it holds, into a new folder.
        folder = path;
        const auto nothing = Spool::make();
        if (!nothing) co_return std::unexpected(nothing.error());
        auto made = co_await tar_in_task(client, place, console, {"mkdir", "-p", "--", path},
                                         *nothing, true);
        if (!made) co_return made;
        packed = run_tar({"tar", "-C", source, "-cf", "-", "."}, -1, spool->file());
    } else {
        packed = pack_renamed(source, new_name, spool->file());
    }
    if (!packed) co_return packed;
    spool->rewind();
    auto sent = co_await tar_in_task(client, place, console, {"tar", "-C", folder, "-xf", "-"},
                                     *spool, true);
    co_return sent;
}

asio::awaitable<Outcome> copy(http::Client& client, MasterApi& master, const Console& console,
                              const Parsed& parsed) {
    const std::string& from = parsed.words[0];
    const std::string& to = parsed.words[1];
    const auto is_local = [](const std::string& word) {
        return word.find(':') == std::string::npos || word.starts_with('.') ||
               word.starts_with('/');
    };
    if (is_local(from) == is_local(to)) {
        co_return give_up("cp",
                          Error{Errc::invalid_argument,
                                "one of the two is TASK:PATH, the other a "
                                "path of this machine"},
                          "tepui help cp");
    }
    const bool uploads = is_local(from);
    auto place = co_await find_task_path("cp", master, uploads ? to : from);
    if (!place) co_return std::unexpected(place.error());
    if (!uploads && !place->path.starts_with('/')) {
        // Beneath the sandbox no program of the container is needed, nor that the task runs.
        std::vector<std::string> words{"get", from, to};
        auto outcome =
            co_await work_on_files(client, master, console, std::move(words), /*force=*/true);
        co_return outcome;
    }
    auto container = co_await find_container("cp", master, place->task);
    if (!container) co_return std::unexpected(container.error());
    Result<void> done;
    if (uploads) {
        done = co_await upload(client, *container, console, from, place->path);
    } else {
        done = co_await download(client, *container, console, place->path, to);
    }
    if (!done) co_return give_up(fmt::format("cp {} {}", from, to), done.error(), "tepui help cp");
    co_return 0;
}

Outcome run(const Console& console, const Parsed& parsed) {
    if (parsed.words.size() != 2) {
        return give_up("cp", Error{Errc::invalid_argument, "say from where, and to where"},
                       "tepui help cp");
    }
    return with_master(parsed, "cp",
                       [&](http::Client& client, MasterApi& master) -> asio::awaitable<Outcome> {
                           auto outcome = co_await copy(client, master, console, parsed);
                           co_return outcome;
                       });
}

}  // namespace

Verb cp_verb() {
    Verb verb;
    verb.manual.name = "cp";
    verb.manual.summary = "copy files from or to a task's container";
    verb.manual.synopsis = {"cp [OPTION]... TASK:PATH LOCAL", "cp [OPTION]... LOCAL TASK:PATH"};
    verb.manual.description = {
        "Copies a file, or a folder with all that is in it. TASK is an id, the beginning of one, "
        "or a name. A relative PATH is beneath the task's sandbox, an absolute one of its root "
        "filesystem. LOCAL that has a colon begins with `./`.",
        "From a sandbox files are read through the agent, also of a task that has ended; LOCAL is "
        "a folder then. Everything else is done by `tar` in the container, and here, while the "
        "task runs: PATH that ends with a slash is a folder to copy into, any other the new name.",
    };
    verb.manual.examples = {{"tepui cp web:logs /tmp", "the folder to /tmp/logs"},
                            {"tepui cp web:/etc/hosts hosts", "a file of its root filesystem"},
                            {"tepui cp site.conf web:conf/", "into a folder of its sandbox"}};
    verb.flags.flags = {master_flag()};
    verb.flags.words_max = 2;
    verb.offers = {{"@tasks"}, {}};
    verb.run = run;
    return verb;
}

}  // namespace tepui::cli
