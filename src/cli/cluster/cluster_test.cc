#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cluster/docker_socket.h"
#include "cli/cluster/names.h"
#include "cli/cluster/plan.h"
#include "cli/cluster/process.h"
#include "cli/cluster/state_file.h"
#include "cli/cluster/stop.h"

namespace tepui::cli {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(Names, DifferByWorkDirAndAreStable) {
    EXPECT_EQ(agent_cgroups_root("/var/lib/tepui/agent-1"),
              "tepui/" + work_dir_tag("/var/lib/tepui/agent-1"));
    EXPECT_NE(work_dir_tag("/a"), work_dir_tag("/b"));
    EXPECT_EQ(work_dir_tag("/a").size(), 12U);
    // A later version must find what an earlier one made.
    EXPECT_EQ(work_dir_tag(""), "ecba3df2b565");
}

TEST(Names, RuntimeDirIsShort) {
    EXPECT_EQ(agent_runtime_dir("/short", 0, ""), "/short/run");
    const std::string deep = "/" + std::string(90, 'd');
    EXPECT_EQ(agent_runtime_dir(deep, 0, "/run/user/0"), "/run/tepui/" + work_dir_tag(deep));
    EXPECT_EQ(agent_runtime_dir(deep, 7, "/run/user/7"), "/run/user/7/tepui/" + work_dir_tag(deep));
    EXPECT_EQ(agent_runtime_dir(deep, 7, ""), "/tmp/tepui-7/" + work_dir_tag(deep));
}

TEST(Names, PathsAreCleaned) {
    EXPECT_EQ(absolute_path("/a/../b//c/"), "/b/c");
    EXPECT_EQ(absolute_path("x"),
              std::filesystem::weakly_canonical(std::filesystem::current_path() / "x"));
}

Machine machine() { return Machine{8, 16 * 1024, 100 * 1024, 0, ""}; }

TEST(ClusterPlan, SplitsTheMachine) {
    ClusterRequest request;
    request.work_dir = "/w";
    request.port = 7000;
    request.agents = 3;
    const auto plan = plan_cluster(request, machine());
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->master.arguments, Contains("--port=7000"));
    EXPECT_THAT(plan->master.arguments, Contains("--work_dir=/w/master"));
    ASSERT_EQ(plan->agents.size(), 3U);
    std::set<std::string> roots;
    for (std::size_t i = 0; i < 3; ++i) {
        const DaemonPlan& agent = plan->agents[i];
        EXPECT_EQ(agent.port, 7001 + i);
        EXPECT_THAT(agent.arguments, Contains("--master=127.0.0.1:7000"));
        EXPECT_THAT(agent.arguments, Contains("--work_dir=" + agent.work_dir));
        EXPECT_THAT(agent.arguments, Contains(HasSubstr("cpus:2.6;mem:5120;disk:32426;")));
        roots.insert(agent.cgroups_root);
    }
    EXPECT_EQ(roots.size(), 3U);
    EXPECT_THAT(plan->agents[0].arguments, Contains(HasSubstr("ports:[31000-31332]")));
    EXPECT_THAT(plan->agents[1].arguments, Contains(HasSubstr("ports:[31333-31665]")));
}

TEST(ClusterPlan, TakesWhatIsAskedForPerAgent) {
    ClusterRequest request;
    request.work_dir = "/w";
    request.agents = 1;
    request.cpus_per_agent = Quantity{64'000};
    request.memory_mb_per_agent = Quantity{1'000'000};
    const auto plan = plan_cluster(request, machine());
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->agents[0].arguments, Contains(HasSubstr("cpus:64;mem:1000;")));
}

TEST(ClusterPlan, AsRootTasksMayHaveImages) {
    ClusterRequest request;
    request.work_dir = "/w";
    const auto plan = plan_cluster(request, machine());
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->agents[0].arguments, Contains("--image_providers=docker"));
    EXPECT_THAT(plan->agents[0].arguments, Contains(HasSubstr("filesystem/linux")));
    EXPECT_THAT(plan->agents[0].arguments, Contains(HasSubstr("docker/runtime")));
}

TEST(ClusterPlan, UsesDockerWhenItIsThere) {
    ClusterRequest request;
    request.work_dir = "/w";
    Machine with = machine();
    with.docker = true;
    const auto plan = plan_cluster(request, with);
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->agents[0].arguments, Contains("--containerizers=mesos,docker"));
    const auto without = plan_cluster(request, machine());
    ASSERT_TRUE(without);
    EXPECT_THAT(without->agents[0].arguments, testing::Not(Contains(HasSubstr("containerizers"))));
    EXPECT_FALSE(docker_answers("/nowhere/docker.sock", 10ms));
}

TEST(ClusterPlan, HasNetworksWhereThereArePlugins) {
    ClusterRequest request;
    request.work_dir = "/w";
    Machine with = machine();
    with.networks = true;
    EXPECT_THAT(plan_cluster(request, with)->agents[0].arguments,
                Contains(HasSubstr(",network/cni")));
    EXPECT_THAT(plan_cluster(request, machine())->agents[0].arguments,
                testing::Not(Contains(HasSubstr("network/cni"))));
}

TEST(ClusterPlan, WithoutRootNothingIsIsolated) {
    ClusterRequest request;
    request.work_dir = "/w";
    Machine user = machine();
    user.uid = 1000;
    const auto plan = plan_cluster(request, user);
    ASSERT_TRUE(plan);
    EXPECT_THAT(plan->agents[0].arguments, Contains("--no-switch_user"));
    EXPECT_THAT(plan->agents[0].arguments,
                Contains("--isolation=posix/cpu,posix/mem,posix/rlimits"));
}

TEST(ClusterPlan, RefusesPortsThatDoNotExist) {
    ClusterRequest request;
    request.work_dir = "/w";
    request.port = 65'535;
    EXPECT_FALSE(plan_cluster(request, machine()));
    request.port = 5050;
    request.agents = 0;
    EXPECT_FALSE(plan_cluster(request, machine()));
}

ClusterState sample_state() {
    ClusterState state;
    state.supervisor = {100, 5};
    state.daemons = {{"master", {101, 6}, 5050, "", ""},
                     {"agent-1", {102, 7}, 5051, "tepui/abc", "/run/with space/abc"}};
    return state;
}

TEST(StateFile, ReadsWhatItWrote) {
    const auto read = parse_state(format_state(sample_state()));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, sample_state());
}

TEST(StateFile, BrokenTextIsCorruptAndNeverPidOne) {
    const std::string good = format_state(sample_state());
    for (const std::string& bad : std::vector<std::string>{
             "", "nonsense", good.substr(0, good.size() / 2), "tepui-cluster 2\n",
             good + "daemon\tx\n",
             "tepui-cluster 1\nsupervisor\t1\t5\ndaemon\tmaster\t101\t6\t5050\t\t\n",
             "tepui-cluster 1\nsupervisor\t-1\t5\ndaemon\tmaster\t101\t6\t5050\t\t\n"}) {
        const auto read = parse_state(bad);
        ASSERT_FALSE(read) << bad;
        EXPECT_EQ(read.error().code, Errc::corrupt);
    }
}

TEST(StateFile, MissingIsNotFound) {
    const auto read = read_state(testing::TempDir() + "no-cluster-here");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::not_found);
}

TEST(Process, StartTicksOfStat) {
    const std::string rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
    EXPECT_EQ(parse_start_ticks("7 (plain)" + rest), 4242U);
    EXPECT_EQ(parse_start_ticks("7 (odd ) name)" + rest), 4242U);
    EXPECT_EQ(parse_start_ticks("7 (x) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20"),
              std::nullopt);
    EXPECT_EQ(parse_start_ticks("7 (x) S 1"), std::nullopt);
    EXPECT_EQ(parse_start_ticks(""), std::nullopt);
}

TEST(Process, AnotherProcessOfTheSameNumberIsNotSignalled) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    const auto process = find_process(child);
    ASSERT_TRUE(process);
    EXPECT_TRUE(is_alive(*process));
    EXPECT_FALSE(send_signal(ProcessRef{child, process->start_ticks + 1}, SIGKILL));
    EXPECT_TRUE(is_alive(*process));
    EXPECT_TRUE(send_signal(*process, SIGKILL));
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_FALSE(is_alive(*process));
}

TEST(Process, TailOfALog) {
    const std::string path = testing::TempDir() + "tail_test_log";
    std::ofstream(path) << "one\ntwo\nthree\n";
    EXPECT_EQ(tail_of(path, 2), "\n  | two\n  | three");
    EXPECT_EQ(tail_of(path + ".missing", 2), "");
}

TEST(StopCluster, KillsADaemonThatDoesNotListenAndRemovesItsRuntimeDir) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGUSR1, SIG_IGN);
        (void)!::write(ready[1], "x", 1);
        for (;;) ::pause();
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    const std::string runtime_dir = testing::TempDir() + "stop_cluster_test/run";
    std::filesystem::create_directories(runtime_dir);
    ClusterState state;
    state.supervisor = {::getpid(), 0};
    state.daemons = {{"agent-1", find_process(child).value_or(ProcessRef{}), 1,
                      "tepui-no-such-cgroup", runtime_dir}};
    StopDeadlines deadlines;
    deadlines.agents = 10ms;

    asio::io_context loop;
    std::optional<Result<void>> result;
    asio::co_spawn(loop, stop_cluster(state, deadlines, [](const std::string&) {}),
                   [&](std::exception_ptr, Result<void> stopped) { result = std::move(stopped); });
    loop.run_for(20s);
    ASSERT_TRUE(result);
    EXPECT_TRUE(*result);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    EXPECT_FALSE(std::filesystem::exists(runtime_dir));
}

}  // namespace
}  // namespace tepui::cli
