#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <map>

#include <thread>
#include "containerizer/cgroups/files.h"

#include "containerizer/containerizer_fixture.h"
#include "containerizer/descriptor.h"
#include "containerizer/names.h"

namespace tepui::containerizer {
namespace {

class RecoveryTest : public RecoveringTest {
protected:
    std::string runtime(const std::string& id) const { return containers_dir() + "/" + id; }

    /// What the shim's status file holds before an agent comes back.
    void await_status(const std::string& id) const {
        const auto deadline = std::chrono::steady_clock::now() + k_deadline;
        while (!std::filesystem::exists(runtime(id) + "/status") &&
               std::chrono::steady_clock::now() < deadline)
            std::this_thread::yield();
        ASSERT_TRUE(std::filesystem::exists(runtime(id) + "/status"));
    }
};

TEST_F(RecoveryTest, AdoptsWhatRunsWithTheSamePid) {
    const std::string fifo = make_fifo("go");
    Task task = launch("adopted", "read line < " + fifo + "; echo $line; exit 9");
    const auto started = task.await_started();
    ASSERT_TRUE(started);
    const std::vector<Found> found = recover({"adopted"});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_TRUE(found[0].running);
    EXPECT_FALSE(found[0].exited);
    EXPECT_EQ(found[0].pid, started->pid);
    EXPECT_TRUE(containerizer_->usage(task.id));
    std::ofstream(fifo) << "go on\n";
    EXPECT_EQ(await_end("adopted").status, 9 << 8);
    EXPECT_EQ(out(task), "go on\n");
    containerizer_->forget(task.id);
}

TEST_F(RecoveryTest, WithoutAnAgentItEndsAfterTheRecoveryTimeout) {
    options_.recovery_timeout = 100ms;
    restart();
    Task task = launch("orphan", "sleep 1000");
    ASSERT_TRUE(task.await_started());
    containerizer_.reset();  // The agent is gone, and nothing but the shim is there to act.
    await_status("orphan");
    reap_former_shims();  // An agent's children outlive it, a test's do not.
    const std::vector<Found> found = recover({"orphan"});
    ASSERT_EQ(found.size(), 1u);
    ASSERT_TRUE(found[0].exited);
    EXPECT_EQ(found[0].exited->status, SIGTERM);
    containerizer_->forget(task.id);
}

TEST_F(RecoveryTest, AdoptedOneObeysSignals) {
    Task task = launch("obedient", "sleep 1000");
    ASSERT_TRUE(task.await_started());
    recover({"obedient"});
    containerizer_->signal(task.id, SIGTERM);
    EXPECT_EQ(await_end("obedient").status, SIGTERM);
    containerizer_->forget(task.id);
}

TEST_F(RecoveryTest, ReadsTheEndOfWhatEndedMeanwhile) {
    const std::string fifo = make_fifo("go");
    Task task = launch("ended", "read line < " + fifo + "; exit 4");
    ASSERT_TRUE(task.await_started());
    containerizer_.reset();
    std::ofstream(fifo) << "go on\n";
    await_status("ended");
    // Twice: an agent may die again before it stored the end.
    for (int agent = 0; agent < 2; ++agent) {
        const std::vector<Found> found = recover({"ended"});
        ASSERT_EQ(found.size(), 1u);
        EXPECT_FALSE(found[0].running);
        ASSERT_TRUE(found[0].exited);
        EXPECT_EQ(found[0].exited->status, 4 << 8);
        EXPECT_EQ(own_groups().names(), std::vector<std::string>{});
    }
    reap_former_shims();
    containerizer_->forget(task.id);
    EXPECT_EQ(entries(containers_dir()), 0u);
}

TEST_F(RecoveryTest, ReadsTheMemoryLimitHitMeanwhile) {
    const std::string fifo = make_fifo("go");
    Task task = launch("memory", "read line < " + fifo + "; head -c 200m /dev/zero | tail");
    ASSERT_TRUE(task.await_started());
    containerizer_.reset();
    std::ofstream(fifo) << "go on\n";
    await_status("memory");
    const std::vector<Found> found = recover({"memory"});
    ASSERT_TRUE(found[0].exited && found[0].exited->limit);
    EXPECT_EQ(found[0].exited->limit->reason,
              mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY);
    reap_former_shims();
    containerizer_->forget(task.id);
}

TEST_F(RecoveryTest, EndThatNoAgentStoredIsTold) {
    Task task = launch("told", "exit 6");
    EXPECT_EQ(task.finish().status, 6 << 8);  // And the agent died before it stored that.
    const std::vector<Found> found = recover({"told"});
    ASSERT_TRUE(found[0].exited);
    EXPECT_EQ(found[0].exited->status, 6 << 8);
    containerizer_->forget(task.id);
}

TEST_F(RecoveryTest, UnknownToTheAgentIsDestroyed) {
    Task task = launch("stranger", "setsid sleep 1000 & sleep 1000");
    const auto started = task.await_started();
    ASSERT_TRUE(started);
    EXPECT_EQ(recover({}).size(), 0u);
    EXPECT_TRUE(await_gone(started->pid));
    EXPECT_EQ(own_groups().names(), std::vector<std::string>{});
    EXPECT_EQ(entries(containers_dir()), 0u);
    reap_former_shims();
}

TEST_F(RecoveryTest, NothingLeftOfAnExpectedOneHasEnded) {
    const std::vector<Found> found = recover({"never-seen"});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_FALSE(found[0].running);
    ASSERT_TRUE(found[0].exited);
    EXPECT_FALSE(found[0].exited->status);
}

TEST_F(RecoveryTest, KilledShimIsAnEndWithoutStatus) {
    Task task = launch("lost", "sleep 1000");
    const auto started = task.await_started();
    ASSERT_TRUE(started);
    containerizer_.reset();
    // The shim is the parent of init, which is the parent of the task.
    const auto parent = [](std::int64_t pid) {
        const std::string stat = read(fmt::format("/proc/{}/stat", pid));
        return std::stoll(stat.substr(stat.rfind(')') + 4));
    };
    const pid_t shim = static_cast<pid_t>(parent(parent(started->pid)));
    ASSERT_EQ(parent(shim), ::getpid());
    ::kill(shim, SIGKILL);
    ::waitpid(shim, nullptr, 0);
    const std::vector<Found> found = recover({"lost"});
    ASSERT_TRUE(found[0].exited);
    EXPECT_FALSE(found[0].exited->status);
    EXPECT_TRUE(await_gone(started->pid));
    EXPECT_EQ(own_groups().names(), std::vector<std::string>{});
    containerizer_->forget(task.id);
}

TEST_F(RecoveryTest, LaunchThatStoppedAtAnyStepIsSweptOrEnded) {
    start();
    const cgroups::Groups groups = own_groups();
    // 1: the runtime directory alone; 2: and cgroups; 3: and a socket that nobody listens on;
    // 4: cgroups without a directory, with a process in a nested one.
    for (const char* id : {"step1", "step2", "step3"})
        std::filesystem::create_directory(runtime(id));
    for (const char* id : {"step2", "step3", "step4"})
        ASSERT_TRUE(groups.create(id, {.cpus = 1, .cpus_limit = {}, .mem_mb = 64, .pids_max = 9}));
    {
        const Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::snprintf(address.sun_path, sizeof address.sun_path, "%s/s", runtime("step3").c_str());
        ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(socket.get(), 1), 0);
    }
    const std::string nested = groups.directory("pids", "step4") + "/nested";
    ASSERT_EQ(::mkdir(nested.c_str(), 0755), 0);
    const pid_t stray = ::fork();
    if (stray == 0) {
        ::close_range(3, ~0U, 0);  // Locks of this process are held as long as a copy is open.
        for (;;) ::pause();
    }
    ASSERT_TRUE(cgroups::write_file(nested + "/cgroup.procs", std::to_string(stray)));

    const std::vector<Found> found = recover({"step2"});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_FALSE(found[0].running);
    ASSERT_TRUE(found[0].exited);
    EXPECT_FALSE(found[0].exited->status);
    int status = 0;
    EXPECT_EQ(::waitpid(stray, &status, 0), stray);
    EXPECT_EQ(status, SIGKILL);
    EXPECT_EQ(groups.names(), std::vector<std::string>{});
    EXPECT_EQ(entries(containers_dir()), 1u);  // step2, until the agent forgets it.
    containerizer_->forget(ContainerId("step2"));
}

TEST_F(RecoveryTest, AgentKilledInTheMiddleOfLaunchesLeavesNothingUnaccounted) {
    // The agent is a process of its own here, killed with 20 launches under way.
    const std::string ready = make_fifo("ready");
    const pid_t agent = ::fork();
    if (agent == 0) {
        ::setsid();
        auto made = make_containerizer(options_);
        if (!made) ::_exit(1);
        for (int i = 0; i < 20; ++i)
            (*made)->launch(
                spec("mid-" + std::to_string(i), "sleep 1000"),
                [&](auto) {
                    static std::atomic<int> count = 0;
                    if (++count == 5) std::ofstream(ready) << "now\n";
                },
                [](Exited) {});
        for (;;) ::pause();
    }
    await_line(ready);
    ::kill(agent, SIGKILL);
    ::waitpid(agent, nullptr, 0);
    std::vector<std::string> expected;
    for (int i = 0; i < 10; ++i) expected.push_back("mid-" + std::to_string(i));
    const std::vector<Found> found = recover(expected);
    ASSERT_EQ(found.size(), 10u);
    std::size_t running = 0;
    for (const Found& one : found) {
        EXPECT_NE(one.running, one.exited.has_value());
        if (!one.running) continue;
        ++running;
        EXPECT_EQ(::kill(static_cast<pid_t>(one.pid), 0), 0);
        containerizer_->destroy(one.container);
        EXPECT_EQ(await_end(one.container.value).status, SIGKILL);
    }
    EXPECT_GE(running, 1u);  // Launches begin in order, and five had started.
    for (const Found& one : found) containerizer_->forget(one.container);
}

TEST_F(RecoveryTest, OddIdsAreFoundAgain) {
    const std::string id = "../../etc/cron.d/with spaces/" + std::string(120, 'x');
    LaunchSpec what = spec("odd", "sleep 1000");
    what.container = ContainerId(id);
    Task task = launch(what);
    const auto started = task.await_started();
    ASSERT_TRUE(started) << started.error().error.text;
    const std::vector<Found> found = recover({id});
    EXPECT_TRUE(found[0].running);
    containerizer_->destroy(task.id);
    EXPECT_EQ(await_end(id).status, SIGKILL);
    containerizer_->forget(task.id);
}

}  // namespace
}  // namespace tepui::containerizer
