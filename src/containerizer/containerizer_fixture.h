#pragma once

// For tests that run real containers: directories and cgroups of their own, and a count of what is
// left.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "containerizer/cgroups/group.h"
#include "containerizer/cgroups/roots.h"
#include "containerizer/containerizer.h"

namespace tepui::containerizer {

/// Longer than anything takes on a loaded machine; only a failure waits for it.
inline constexpr std::chrono::seconds k_deadline{60};

struct Task {
    ContainerId id;
    std::string sandbox;
    std::future<std::expected<Started, LaunchError>> started;
    std::future<Exited> exited;

    std::expected<Started, LaunchError> await_started() {
        if (started.wait_for(k_deadline) == std::future_status::ready) return started.get();
        return std::unexpected(LaunchError{{Errc::timeout, "it was not told whether it started"}});
    }
    Exited await_exited() {
        if (exited.wait_for(k_deadline) == std::future_status::ready) return exited.get();
        ADD_FAILURE() << "the end of " << id.value << " was not told";
        return {};
    }
    /// Runs to the end; expects a start.
    Exited finish() {
        const auto start = await_started();
        if (!start) {
            ADD_FAILURE() << start.error().error.text;
            return {};
        }
        return await_exited();
    }
};

class ContainerizerTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::geteuid(), 0u) << "these tests make cgroups and namespaces: run them as root";
        static std::atomic<int> count = 0;
        const std::string unique = fmt::format("{}-{}", ::getpid(), count++);
        base_ = "/tmp/tepui-ct-" + unique;
        std::filesystem::create_directories(base_);
        ::chmod(base_.c_str(), 0755);
        options_.work_dir = base_ + "/work";
        options_.runtime_dir = base_ + "/run";
        options_.shim_path = TEPUI_SHIM_PATH;
        options_.cgroups_root = "tepui-test-" + unique;
    }

    void TearDown() override {
        containerizer_.reset();
        // Nothing is left: no child, no cgroup, no runtime directory.
        EXPECT_EQ(end_children(), 0u) << "child processes were left";
        const cgroups::Groups groups = own_groups();
        EXPECT_EQ(groups.names(), std::vector<std::string>{});
        cgroups::remove_roots(options_.cgroups_root);
        EXPECT_EQ(entries(containers_dir()), 0u);
        std::filesystem::remove_all(base_);
    }

    cgroups::Groups own_groups() const {
        cgroups::Groups groups(cgroups::find_hierarchies(), options_.cgroups_root,
                               {.cpu = true, .memory = true, .pids = true});
        groups.prepare();
        return groups;
    }

    /// Where the runtime directories are.
    std::string containers_dir() const { return options_.runtime_dir + "/c"; }

    static std::size_t entries(const std::string& directory) {
        std::error_code error;
        std::size_t count = 0;
        for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end;
             ++it)
            ++count;
        return count;
    }

    void start() {
        auto made = make_containerizer(options_);
        if (!made) throw std::runtime_error(made.error().text);  // Nothing can go on without it.
        containerizer_ = std::move(*made);
    }
    /// A new agent over what the former one left.
    void restart() {
        containerizer_.reset();
        start();
    }

    LaunchSpec spec(const std::string& id, const std::string& shell_command) const {
        LaunchSpec spec;
        spec.container = ContainerId(id);
        spec.sandbox = options_.work_dir + "/slaves/a/frameworks/f/executors/e/runs/" + id;
        spec.command.set_value(shell_command);
        spec.cpus = 0.5;
        spec.mem_mb = 64;
        return spec;
    }

    Task launch(LaunchSpec spec) {
        if (!containerizer_) start();
        Task run{spec.container, spec.sandbox, {}, {}};
        auto started = std::make_shared<std::promise<std::expected<Started, LaunchError>>>();
        auto exited = std::make_shared<std::promise<Exited>>();
        run.started = started->get_future();
        run.exited = exited->get_future();
        containerizer_->launch(
            std::move(spec), [started](auto result) { started->set_value(std::move(result)); },
            [exited](Exited end) { exited->set_value(std::move(end)); });
        return run;
    }
    Task launch(const std::string& id, const std::string& command) {
        return launch(spec(id, command));
    }

    /// Runs it to its end and forgets it.
    Exited run(LaunchSpec what) {
        Task run = launch(std::move(what));
        Exited end = run.finish();
        containerizer_->forget(run.id);
        return end;
    }
    Exited run(const std::string& id, const std::string& command) { return run(spec(id, command)); }

    static std::string read(const std::string& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    static std::string out(const Task& run) { return read(run.sandbox + "/stdout"); }
    std::string out(const std::string& id) const { return read(spec(id, "").sandbox + "/stdout"); }
    std::string err(const std::string& id) const { return read(spec(id, "").sandbox + "/stderr"); }

    /// A pipe in the sandbox that the task writes to when it is where the test wants it.
    std::string make_fifo(const std::string& name) const {
        const std::string path = base_ + "/" + name;
        EXPECT_EQ(::mkfifo(path.c_str(), 0666), 0);
        ::chmod(path.c_str(), 0666);
        return path;
    }
    /// Blocks until the task opened the pipe and wrote a line.
    static std::string await_line(const std::string& fifo) {
        std::ifstream file(fifo);
        std::string line;
        std::getline(file, line);
        return line;
    }

    /// Reaps the shims that were children of an agent which "died": it was this same process.
    static void reap_former_shims() {
        const auto deadline = std::chrono::steady_clock::now() + k_deadline;
        while (std::chrono::steady_clock::now() < deadline) {
            const pid_t ended = ::waitpid(-1, nullptr, WNOHANG);
            if (ended < 0) return;
            if (ended == 0) ::poll(nullptr, 0, 5);
        }
        ADD_FAILURE() << "a former agent's shim does not end";
    }

    /// Ends and reaps what a test left, so that the next one's children are its own. How many.
    static std::size_t end_children() {
        for (pid_t ended = 1; ended > 0;) ended = ::waitpid(-1, nullptr, WNOHANG);
        const std::vector<pid_t> left = descendants_of(::getpid());
        for (const pid_t process : left) ::kill(process, SIGKILL);
        while (::waitpid(-1, nullptr, 0) > 0) continue;
        return left.size();
    }

    /// Children, and theirs, of all its threads.
    static std::vector<pid_t> descendants_of(pid_t process) {
        std::vector<pid_t> found;
        std::error_code error;
        const std::string threads = fmt::format("/proc/{}/task", process);
        for (std::filesystem::directory_iterator it(threads, error), end; !error && it != end;
             it.increment(error)) {
            std::istringstream words(read(it->path().string() + "/children"));
            for (pid_t child = 0; words >> child;) {
                found.push_back(child);
                std::ranges::copy(descendants_of(child), std::back_inserter(found));
            }
        }
        return found;
    }

    /// Waits for the process to be gone (not merely a zombie of somebody).
    static bool await_gone(std::int64_t pid) {
        const auto deadline = std::chrono::steady_clock::now() + k_deadline;
        while (std::chrono::steady_clock::now() < deadline) {
            const std::string stat = read(fmt::format("/proc/{}/stat", pid));
            if (stat.empty() || stat.find(") Z") != std::string::npos) return true;
            std::this_thread::yield();
        }
        return false;
    }

    std::string base_;
    Options options_;
    std::unique_ptr<Containerizer> containerizer_;
};

/// For tests in which an agent takes over what another one launched.
class RecoveringTest : public ContainerizerTest {
protected:
    /// A new agent that recovers `expected`; ends come to `ends_`.
    std::vector<Found> recover(const std::vector<std::string>& expected) {
        restart();
        std::vector<ContainerId> ids;
        for (const std::string& id : expected) {
            ids.emplace_back(id);
            ends_[id] = std::make_shared<std::promise<Exited>>();
        }
        auto found =
            containerizer_->recover(ids, [ends = ends_](const ContainerId& id, Exited end) {
                ends.at(id.value)->set_value(end);
            });
        EXPECT_TRUE(found) << found.error().text;
        return found ? *found : std::vector<Found>{};
    }
    Exited await_end(const std::string& id) {
        auto future = ends_.at(id)->get_future();
        if (future.wait_for(k_deadline) == std::future_status::ready) return future.get();
        ADD_FAILURE() << "the end of " << id << " was not told";
        return {};
    }

    std::map<std::string, std::shared_ptr<std::promise<Exited>>> ends_;
};

}  // namespace tepui::containerizer
