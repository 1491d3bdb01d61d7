#include <signal.h>

#include "containerizer/containerizer_fixture.h"

namespace tepui::containerizer {
namespace {

class RunTest : public ContainerizerTest {};

TEST_F(RunTest, EchoReachesStdoutAndExitIsZero) {
    const Exited end = run("echo", "echo hello; echo trouble >&2");
    EXPECT_EQ(end.status, 0);
    EXPECT_FALSE(end.limit);
    EXPECT_EQ(out("echo"), "hello\n");
    EXPECT_EQ(err("echo"), "trouble\n");
    EXPECT_EQ(containerizer_->warnings(), std::vector<std::string>{});
}

TEST_F(RunTest, WaitStatusIsTheKernels) {
    struct Row {
        const char* id;
        const char* command;
        int want;
    };
    const Row rows[] = {{"exit-3", "exit 3", 3 << 8},
                        {"own-kill", "kill -9 $$", SIGKILL},
                        {"segfault", "kill -SEGV $$", SIGSEGV},
                        {"own-term", "kill -TERM $$", SIGTERM}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.id);
        const Exited end = run(row.id, row.command);
        ASSERT_TRUE(end.status);
        EXPECT_EQ(*end.status & ~0x80, row.want);  // 0x80: a core was dumped.
    }
}

TEST_F(RunTest, ArgumentVectorRunsWithoutAShell) {
    LaunchSpec what = spec("argv", "echo");
    what.command.set_shell(false);
    for (const char* argument : {"echo", "$HOME", "a  b"}) what.command.add_arguments(argument);
    EXPECT_EQ(run(what).status, 0);
    EXPECT_EQ(out("argv"), "$HOME a  b\n");
}

TEST_F(RunTest, MissingProgramStartsAndExitsOne) {
    LaunchSpec what = spec("missing", "/no/such/program");
    what.command.set_shell(false);
    EXPECT_EQ(run(what).status, 1 << 8);
    EXPECT_NE(err("missing").find("/no/such/program"), std::string::npos);
}

TEST_F(RunTest, EnvironmentOfTheCommandWins) {
    LaunchSpec what =
        spec("environment", "echo $A $B; env | grep -c ^PATH=; env | grep -c AGENT_SECRET");
    ::setenv("AGENT_SECRET", "x", 1);
    what.environment = {{"A", "agent"}, {"B", "agent"}};
    auto* variable = what.command.mutable_environment()->add_variables();
    variable->set_name("B");
    variable->set_value("command");
    run(what);
    EXPECT_EQ(out("environment"), "agent command\n1\n0\n");
}

TEST_F(RunTest, TaskSeesOnlyItsOwnProcessesAndDescriptors) {
    run("view", "echo /proc/[0-9]*; ls /proc/self/fd; pwd");
    // Init, the shell and nobody else; 0, 1, 2 and the directory that ls reads.
    EXPECT_EQ(out("view"), "/proc/1 /proc/2\n0\n1\n2\n3\n" + spec("view", "").sandbox + "\n");
}

TEST_F(RunTest, TaskIgnoresAndBlocksNoSignal) {
    run("signals", "grep -E 'Sig(Blk|Ign)' /proc/self/status");
    EXPECT_EQ(out("signals"), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(RunTest, SandboxAndTaskBelongToTheUser) {
    LaunchSpec what = spec("user", "id -un; id -Gn; touch mine; cat /etc/shadow");
    what.user = "nobody";
    EXPECT_EQ(run(what).status, 1 << 8);
    EXPECT_EQ(out("user"), "nobody\nnogroup\n");
    EXPECT_NE(err("user").find("Permission denied"), std::string::npos);
    struct stat stat{};
    ASSERT_EQ(::stat((what.sandbox + "/stdout").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, 65534u);
    ASSERT_EQ(::stat((what.sandbox + "/mine").c_str(), &stat), 0);
    EXPECT_EQ(stat.st_uid, 65534u);
}

TEST_F(RunTest, UnknownUserFailsTheSandbox) {
    LaunchSpec what = spec("nosuch", "true");
    what.user = "nosuchuser";
    const auto started = launch(what).await_started();
    ASSERT_FALSE(started);
    EXPECT_TRUE(started.error().sandbox_failed);
    EXPECT_NE(started.error().error.text.find("no such user 'nosuchuser'"), std::string::npos);
    EXPECT_NE(started.error().error.text.find(what.sandbox), std::string::npos);
}

TEST_F(RunTest, SandboxOutsideOfTheWorkDirectoryIsRefused) {
    for (const std::string& path : {base_ + "/elsewhere", options_.work_dir + "/../elsewhere",
                                    options_.work_dir + "-sibling/x"}) {
        SCOPED_TRACE(path);
        LaunchSpec what = spec("outside", "true");
        what.sandbox = path;
        const auto started = launch(what).await_started();
        ASSERT_FALSE(started);
        EXPECT_TRUE(started.error().sandbox_failed);
        EXPECT_FALSE(std::filesystem::exists(path));
    }
}

TEST_F(RunTest, ResourceLimitsAreSet) {
    LaunchSpec what = spec("rlimits", "ulimit -Sn; ulimit -Hn");
    auto* limit = what.rlimits.emplace().add_rlimits();
    limit->set_type(mesos::v1::RLimitInfo::RLimit::RLMT_NOFILE);
    limit->set_soft(77);
    limit->set_hard(99);
    run(what);
    EXPECT_EQ(out("rlimits"), "77\n99\n");
}

TEST_F(RunTest, FailureBeforeExecIsALaunchError) {
    LaunchSpec what = spec("too-much", "true");
    auto* limit = what.rlimits.emplace().add_rlimits();
    limit->set_type(mesos::v1::RLimitInfo::RLimit::RLMT_NOFILE);
    limit->set_soft(std::uint64_t{1} << 40);  // Above what the kernel gives to anybody.
    limit->set_hard(std::uint64_t{1} << 40);
    const auto started = launch(what).await_started();
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().error.text.find("resource limits"), std::string::npos)
        << started.error().error.text;
}

TEST_F(RunTest, SameIdTwiceIsAConflict) {
    Task first = launch("twice", "sleep 1000");
    ASSERT_TRUE(first.await_started());
    const auto second = launch("twice", "true").await_started();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().error.code, Errc::conflict);
    containerizer_->destroy(first.id);
    EXPECT_EQ(first.await_exited().status, SIGKILL);
    containerizer_->forget(first.id);
}

TEST_F(RunTest, AHundredAtOnce) {
    std::vector<Task> runs;
    for (int i = 0; i < 100; ++i)
        runs.push_back(launch("many-" + std::to_string(i), "echo " + std::to_string(i)));
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(runs[i].finish().status, 0);
        EXPECT_EQ(out(runs[i]), std::to_string(i) + "\n");
        containerizer_->forget(runs[i].id);
    }
}

TEST_F(RunTest, UsageComesFromTheCgroups) {
    Task busy = launch("usage", "while :; do :; done");
    ASSERT_TRUE(busy.await_started());
    const auto deadline = std::chrono::steady_clock::now() + k_deadline;
    Result<mesos::v1::ResourceStatistics> usage = containerizer_->usage(busy.id);
    while (usage && usage->cpus_user_time_secs() == 0 &&
           std::chrono::steady_clock::now() < deadline)
        usage = containerizer_->usage(busy.id);
    ASSERT_TRUE(usage) << usage.error().text;
    EXPECT_GT(usage->cpus_user_time_secs(), 0);
    EXPECT_EQ(usage->mem_limit_bytes(), 64u << 20);
    EXPECT_GT(usage->mem_total_bytes(), 0u);
    EXPECT_EQ(usage->processes(), 1u);
    EXPECT_EQ(usage->cpus_soft_limit(), 0.5);
    EXPECT_GT(usage->timestamp(), 0);
    containerizer_->destroy(busy.id);
    busy.await_exited();
    containerizer_->forget(busy.id);
    EXPECT_FALSE(containerizer_->usage(busy.id));
}

TEST_F(RunTest, UnknownIsolatorNamesTheKnown) {
    options_.isolation = {"cgroups/cpu", "network/cnn"};
    const auto made = make_containerizer(options_);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().text.find("'network/cnn'"), std::string::npos);
    EXPECT_NE(made.error().text.find("namespaces/pid"), std::string::npos);
}

TEST_F(RunTest, WithoutIsolationAProcessGroupDies) {
    options_.isolation = {"posix/cpu", "posix/mem"};
    const std::string fifo = make_fifo("ready");
    Task plain =
        launch("plain", "setsid sleep 1000 & (sleep 1000 & echo $! > " + fifo + ") ; sleep 1000");
    ASSERT_TRUE(plain.await_started());
    const std::int64_t grandchild = std::stoll(await_line(fifo));
    containerizer_->destroy(plain.id);
    EXPECT_EQ(plain.await_exited().status, SIGKILL);
    EXPECT_TRUE(await_gone(grandchild));
    containerizer_->forget(plain.id);
}

}  // namespace
}  // namespace tepui::containerizer
