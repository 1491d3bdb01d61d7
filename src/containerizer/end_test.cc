#include <signal.h>

#include <sstream>

#include "containerizer/containerizer_fixture.h"

namespace tepui::containerizer {
namespace {

class EndTest : public ContainerizerTest {};

TEST_F(EndTest, TermReachesEveryProcess) {
    const std::string fifo = make_fifo("ready");
    // The grandchild's end shows in the sandbox, before the first process ends.
    Task tree = launch("tree", "sh -c 'trap \"echo inner; exit\" TERM; echo > " + fifo +
                                   "; while :; do sleep 1000 & wait; done' & "
                                   "trap 'wait; echo outer; exit 7' TERM; wait");
    ASSERT_TRUE(tree.await_started());
    await_line(fifo);
    containerizer_->signal(tree.id, SIGTERM);
    EXPECT_EQ(tree.await_exited().status, 7 << 8);
    EXPECT_EQ(out(tree), "inner\nouter\n");
    containerizer_->forget(tree.id);
}

TEST_F(EndTest, TermEndsAPlainProgram) {
    LaunchSpec what = spec("plain", "sleep");
    what.command.set_shell(false);
    what.command.add_arguments("sleep");
    what.command.add_arguments("1000");
    Task run = launch(what);
    ASSERT_TRUE(run.await_started());
    containerizer_->signal(run.id, SIGTERM);
    EXPECT_EQ(run.await_exited().status, SIGTERM);
    containerizer_->forget(run.id);
}

TEST_F(EndTest, WhoIgnoresTermDiesOfKill) {
    const std::string fifo = make_fifo("ready");
    Task stubborn =
        launch("stubborn", "trap '' TERM; echo > " + fifo + "; while :; do sleep 1000; done");
    ASSERT_TRUE(stubborn.await_started());
    await_line(fifo);
    containerizer_->signal(stubborn.id, SIGTERM);
    containerizer_->signal(stubborn.id, SIGUSR1);  // Not ignored, and to the first process only.
    EXPECT_EQ(stubborn.await_exited().status, SIGUSR1);
    containerizer_->forget(stubborn.id);

    const std::string second = make_fifo("second");
    Task again =
        launch("again", "trap '' TERM USR1; echo > " + second + "; while :; do sleep 1000; done");
    ASSERT_TRUE(again.await_started());
    await_line(second);
    containerizer_->signal(again.id, SIGTERM);
    containerizer_->signal(again.id, SIGKILL);
    EXPECT_EQ(again.await_exited().status, SIGKILL);
    containerizer_->forget(again.id);
}

TEST_F(EndTest, LeftoversDieWithTheFirstProcess) {
    // With a pid namespace, with cgroups alone, and with neither.
    const std::vector<std::vector<std::string>> isolations{
        options_.isolation, {"cgroups/cpu", "cgroups/pids"}, {"posix/cpu"}};
    int number = 0;
    for (const auto& isolation : isolations) {
        SCOPED_TRACE(isolation.size());
        options_.isolation = isolation;
        start();
        const std::string id = "leftover-" + std::to_string(number++);
        // A daemon of its own session that keeps stdout open.
        EXPECT_EQ(run(id, "setsid sh -c 'trap \"\" TERM HUP; sleep 1000' & exit 5").status, 5 << 8);
        EXPECT_EQ(own_groups().names(), std::vector<std::string>{});
        containerizer_.reset();
    }
}

TEST_F(EndTest, MemoryLimitEndsTheWholeContainer) {
    // Only a child takes too much; its parent would go on.
    const Exited end =
        run("memory", "echo keep; (head -c 200m /dev/zero | tail > /dev/null); sleep 1000");
    EXPECT_EQ(end.status, SIGKILL);
    ASSERT_TRUE(end.limit);
    EXPECT_EQ(end.limit->reason, mesos::v1::TaskStatus::REASON_CONTAINER_LIMITATION_MEMORY);
    EXPECT_TRUE(
        end.limit->message.starts_with("Memory limit exceeded: Requested: 64MB Maximum Used: 64MB"
                                       "\n\nMEMORY STATISTICS: \n"))
        << end.limit->message;
    EXPECT_NE(end.limit->message.find("\nhierarchical_memory_limit 67108864\n"), std::string::npos);
    ASSERT_EQ(end.limit->resources.resources_size(), 1);
    EXPECT_EQ(end.limit->resources.resources(0).name(), "mem");
    EXPECT_EQ(end.limit->resources.resources(0).scalar().value(), 64);
    EXPECT_EQ(out("memory"), "keep\n");
}

TEST_F(EndTest, ForkBombIsBoundedAndDies) {
    options_.pids_max = 40;
    const std::string fifo = make_fifo("ready");
    Task bomb =
        launch("bomb", "for i in $(seq 100); do sleep 1000 & done 2>/dev/null; echo > " + fifo);
    ASSERT_TRUE(bomb.await_started());
    // dash gives up at its first fork that fails: the bomb ends by itself, bounded.
    const Exited end = bomb.await_exited();
    ASSERT_TRUE(end.status);
    EXPECT_NE(*end.status, 0);
    containerizer_->forget(bomb.id);

    // One that goes on for ever.
    const std::string second = make_fifo("second");
    Task endless =
        launch("endless", "b() { b | b & }; echo > " + second + "; b; while :; do b; done");
    ASSERT_TRUE(endless.await_started());
    await_line(second);
    const auto deadline = std::chrono::steady_clock::now() + k_deadline;
    std::uint32_t most = 0;
    while (most < 10 && std::chrono::steady_clock::now() < deadline) {
        const auto usage = containerizer_->usage(endless.id);
        if (!usage) break;  // It ran into its own limit already.
        most = std::max(most, usage->processes());
    }
    EXPECT_LE(most, 40u);
    containerizer_->destroy(endless.id);
    endless.await_exited();
    containerizer_->forget(endless.id);
}

TEST_F(EndTest, ForkBombWithoutPidNamespaceDies) {
    options_.isolation = {"cgroups/mem", "cgroups/pids"};
    options_.pids_max = 60;
    const std::string fifo = make_fifo("ready");
    Task endless =
        launch("endless", "python3 -c '\nimport os\nopen(\"" + fifo +
                              "\", \"w\").write(\"x\\n\")\nwhile True:\n try:\n  os.fork()\n"
                              " except OSError:\n  pass\n'");
    ASSERT_TRUE(endless.await_started());
    await_line(fifo);
    containerizer_->destroy(endless.id);
    EXPECT_EQ(endless.await_exited().status, SIGKILL);
    containerizer_->forget(endless.id);
}

TEST_F(EndTest, LogsAreRotatedAndBounded) {
    options_.log_bytes_max = 100'000;
    options_.log_files_max = 3;
    EXPECT_EQ(run("flood", "head -c 2000000 /dev/zero; echo; echo last").status, 0);
    const std::string sandbox = spec("flood", "").sandbox;
    for (const char* name : {"stdout", "stdout.1", "stdout.2"}) {
        SCOPED_TRACE(name);
        ASSERT_TRUE(std::filesystem::is_regular_file(sandbox + "/" + name));
        EXPECT_LE(std::filesystem::file_size(sandbox + "/" + name), 100'000u);
    }
    EXPECT_FALSE(std::filesystem::exists(sandbox + "/stdout.3"));
    EXPECT_TRUE(out("flood").ends_with("last\n"));
}

TEST_F(EndTest, PlantedLinksAreNotWrittenThrough) {
    options_.log_bytes_max = 10'000;
    const std::string victim = base_ + "/victim";
    std::ofstream(victim) << "precious";
    LaunchSpec what =
        spec("planted", "rm stdout; ln -s " + victim + " stdout; ln -s " + victim +
                            " stdout.1; mkdir -p stderr.1/x; rm stderr; ln " + victim +
                            " stderr; head -c 50000 /dev/zero; head -c 50000 /dev/zero >&2");
    EXPECT_EQ(run(what).status, 0);
    EXPECT_EQ(read(victim), "precious");
    EXPECT_TRUE(std::filesystem::is_regular_file(
        std::filesystem::symlink_status(what.sandbox + "/stdout")));
}

TEST_F(EndTest, KilledShimTakesTheTaskAlong) {
    for (const bool pid_namespace : {true, false}) {
        SCOPED_TRACE(pid_namespace);
        if (!pid_namespace) options_.isolation = {"cgroups/mem", "cgroups/pids"};
        start();
        const std::string fifo = make_fifo("ready-" + std::to_string(pid_namespace));
        Task run = launch("orphan-" + std::to_string(pid_namespace),
                          "setsid sleep 1000 & echo > " + fifo + "; sleep 1000");
        const auto started = run.await_started();
        ASSERT_TRUE(started);
        await_line(fifo);
        // The shim is the only child of this process.
        pid_t shim = 0;
        for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
            std::istringstream words(read(task.path().string() + "/children"));
            for (pid_t pid = 0; words >> pid;) shim = pid;
        }
        ASSERT_GT(shim, 0);
        ASSERT_EQ(::kill(shim, SIGKILL), 0);
        const Exited end = run.await_exited();
        EXPECT_FALSE(end.status);
        EXPECT_FALSE(end.limit);
        EXPECT_TRUE(await_gone(started->pid));
        containerizer_->forget(run.id);
        containerizer_.reset();
    }
}

TEST_F(EndTest, KillAtAnyMomentOfALaunchEndsIt) {
    LaunchSpec what = spec("cancelled", "sleep 1000");
    Task run = launch(what);
    containerizer_->destroy(run.id);
    const auto started = run.await_started();
    if (started)
        EXPECT_EQ(run.await_exited().status, SIGKILL);
    else
        EXPECT_EQ(started.error().error.code, Errc::cancelled);
    containerizer_->forget(run.id);
}

}  // namespace
}  // namespace tepui::containerizer
