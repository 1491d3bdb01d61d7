#include <signal.h>

#include <set>
#include <sstream>

#include "containerizer/containerizer_fixture.h"
#include "containerizer/names.h"

namespace tepui::containerizer {
namespace {

class ProbeTest : public ContainerizerTest {
protected:
    static ProbeSpec command(const std::string& text, Duration timeout = 60s) {
        ProbeSpec probe;
        probe.command.set_value(text);
        probe.timeout = timeout;
        return probe;
    }

    using Answer = std::future<Result<std::int32_t>>;
    Answer begin(const std::string& id, ProbeSpec what) {
        auto promise = std::make_shared<std::promise<Result<std::int32_t>>>();
        Answer answer = promise->get_future();
        containerizer_->probe(ContainerId(id), std::move(what),
                              [promise](auto result) { promise->set_value(std::move(result)); });
        return answer;
    }
    static Result<std::int32_t> await(Answer& answer) {
        if (answer.wait_for(k_deadline) == std::future_status::ready) return answer.get();
        ADD_FAILURE() << "the probe was not answered";
        return fail(Errc::timeout, "the probe was not answered");
    }
    Result<std::int32_t> probe(const std::string& id, const std::string& text,
                               Duration timeout = 60s) {
        Answer answer = begin(id, command(text, timeout));
        return await(answer);
    }

    /// A task that runs until the test ends it.
    Task launch_sleeper(LaunchSpec what) {
        Task task = launch(std::move(what));
        EXPECT_TRUE(task.await_started().has_value());
        return task;
    }
    Task launch_sleeper(const std::string& id) {
        return launch_sleeper(spec(id, "exec sleep 1000"));
    }
    void end(Task& task) {
        containerizer_->destroy(task.id);
        task.await_exited();
        containerizer_->forget(task.id);
    }

    /// The processes in the container's cgroup, as the host numbers them.
    std::set<int> processes(const std::string& id) const {
        const std::string dir = own_groups().directory("pids", short_name(ContainerId(id)));
        std::istringstream text(read(dir + "/cgroup.procs"));
        std::set<int> pids;
        for (int pid = 0; text >> pid;) pids.insert(pid);
        return pids;
    }
    bool await_processes(const std::string& id, std::size_t count) const {
        const auto deadline = std::chrono::steady_clock::now() + k_deadline;
        while (std::chrono::steady_clock::now() < deadline) {
            if (processes(id).size() == count) return true;
            std::this_thread::yield();
        }
        return false;
    }
};

TEST_F(ProbeTest, StatusIsTheKernels) {
    Task task = launch_sleeper("status");
    EXPECT_EQ(probe("status", "exit 0"), 0);
    EXPECT_EQ(probe("status", "exit 7"), 7 << 8);
    EXPECT_EQ(probe("status", "kill -9 $$"), SIGKILL);
    ProbeSpec missing = command("/no/such/program");
    missing.command.set_shell(false);
    Answer answer = begin("status", missing);
    EXPECT_EQ(await(answer), 1 << 8);
    end(task);
    EXPECT_EQ(read(task.sandbox + "/stdout") + read(task.sandbox + "/stderr"), "");
}

TEST_F(ProbeTest, HasWhatTheTaskHas) {
    const std::string look =
        "{ readlink /proc/self/ns/pid /proc/self/ns/mnt; grep -E '/tepui-test' /proc/self/cgroup;"
        " pwd; id -un; id -G; ulimit -n; echo $A $B; tty; grep -E 'Sig(Blk|Ign)' "
        "/proc/self/status; umask; } 2>&1 ";
    LaunchSpec what = spec("same", look + "> task; exec sleep 1000");
    what.user = "nobody";
    what.environment = {{"A", "agent's"}};
    auto* variable = what.command.mutable_environment()->add_variables();
    variable->set_name("B");
    variable->set_value("task's");
    auto* limit = what.rlimits.emplace().add_rlimits();
    limit->set_type(mesos::v1::RLimitInfo::RLimit::RLMT_NOFILE);
    limit->set_soft(99);
    limit->set_hard(99);
    Task task = launch_sleeper(what);
    EXPECT_EQ(probe("same", "until test -s task && pidof sleep > /dev/null; do :; done; " + look +
                                "> probe; kill -0 $(pidof sleep); test $? = 0"),
              0);
    EXPECT_NE(read(task.sandbox + "/task"), "");
    EXPECT_EQ(read(task.sandbox + "/probe"), read(task.sandbox + "/task"));
    end(task);
}

TEST_F(ProbeTest, ItsOwnVariablesWin) {
    LaunchSpec what = spec("variables", "exec sleep 1000");
    what.environment = {{"A", "agent"}, {"B", "agent"}, {"PATH", "/usr/bin:/bin:/opt/mine"}};
    Task task = launch_sleeper(what);
    ProbeSpec over = command(
        "test \"$A $B $C $PATH\" = 'agent probe probe "
        "/usr/bin:/bin:/opt/mine'");
    for (const char* name : {"B", "C"}) {
        auto* variable = over.command.mutable_environment()->add_variables();
        variable->set_name(name);
        variable->set_value("probe");
    }
    Answer answer = begin("variables", over);
    EXPECT_EQ(await(answer), 0);
    end(task);
}

TEST_F(ProbeTest, TimeoutEndsEverythingItBegan) {
    Task task = launch_sleeper("timeout");
    const std::set<int> before = processes("timeout");
    ASSERT_EQ(before.size(), 1u);
    // One that left its session and parent, one that will not be asked politely.
    const auto answer = probe("timeout",
                              "trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep 1000 & sleep "
                              "1000' &); echo; sleep 1000",
                              200ms);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, Errc::timeout);
    EXPECT_EQ(processes("timeout"), before);
    end(task);
}

TEST_F(ProbeTest, WhatItLeavesBehindIsEnded) {
    Task task = launch_sleeper("leftover");
    EXPECT_EQ(probe("leftover", "(setsid sleep 1000 &); (setsid sleep 1000 &); exit 0"), 0);
    EXPECT_EQ(processes("leftover").size(), 1u);
    end(task);
}

TEST_F(ProbeTest, CancelEndsIt) {
    Task task = launch_sleeper("cancel");
    const std::string fifo = make_fifo("ready");
    Answer answer = begin("cancel", command("echo x > " + fifo + "; sleep 1000"));
    EXPECT_EQ(await_line(fifo), "x");
    containerizer_->cancel_probes(task.id);
    EXPECT_TRUE(await_processes("cancel", 1));
    end(task);
}

TEST_F(ProbeTest, EndOfTheTaskEndsIt) {
    Task task = launch_sleeper("end");
    const std::string fifo = make_fifo("ready");
    Answer answer = begin("end", command("echo x > " + fifo + "; sleep 1000"));
    EXPECT_EQ(await_line(fifo), "x");
    end(task);
    EXPECT_FALSE(await(answer).has_value());
}

TEST_F(ProbeTest, EndsWithTheAgentAndTheNextAgentProbesOn) {
    Task task = launch_sleeper("orphan");
    const std::string fifo = make_fifo("ready");
    Answer answer = begin("orphan", command("echo x > " + fifo + "; setsid sleep 1000"));
    EXPECT_EQ(await_line(fifo), "x");
    containerizer_.reset();
    EXPECT_TRUE(await_processes("orphan", 1)) << "the probe outlives its agent";
    start();
    std::promise<Exited> exited;
    auto ended = exited.get_future();
    const auto found = containerizer_->recover(
        {task.id}, [&](const ContainerId&, Exited end) { exited.set_value(end); });
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(probe("orphan", "exit 5"), 5 << 8);
    containerizer_->destroy(task.id);
    ASSERT_EQ(ended.wait_for(k_deadline), std::future_status::ready);
    containerizer_->forget(task.id);
    containerizer_.reset();
    reap_former_shims();
}

TEST_F(ProbeTest, ManyAtOnce) {
    Task task = launch_sleeper("many");
    std::vector<Answer> answers;
    for (int i = 0; i < 50; ++i)
        answers.push_back(begin("many", command(fmt::format("exit {}", i))));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(await(answers[static_cast<std::size_t>(i)]), i << 8);
    EXPECT_EQ(processes("many").size(), 1u);
    end(task);
}

TEST_F(ProbeTest, UnknownContainerAndBadCommandAreErrors) {
    Task task = launch_sleeper("errors");
    const auto unknown = probe("nobody-knows-it", "exit 0");
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().code, Errc::not_found);
    ProbeSpec empty;
    empty.timeout = 10s;
    Answer answer = begin("errors", empty);
    EXPECT_FALSE(await(answer).has_value());
    end(task);
}

class PlainProbeTest : public ProbeTest,
                       public ::testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(PlainProbeTest, WorksWithLessIsolation) {
    options_.isolation = GetParam();
    Task task = launch_sleeper(spec("plain", "readlink /proc/self/ns/mnt > task; exec sleep 1000"));
    EXPECT_EQ(probe("plain", "exit 3"), 3 << 8);
    EXPECT_EQ(probe("plain", "until test -s task; do :; done; readlink /proc/self/ns/mnt > probe"),
              0);
    EXPECT_EQ(read(task.sandbox + "/probe"), read(task.sandbox + "/task"));
    const std::string fifo = make_fifo("pid");
    Answer answer = begin(
        "plain",
        command("(setsid sh -c 'echo $$ > " + fifo + "; exec sleep 1000' &); sleep 1000", 2s));
    const int pid = std::stoi(await_line(fifo));
    EXPECT_EQ(::kill(pid, 0), 0);
    const auto hung = await(answer);
    ASSERT_FALSE(hung.has_value());
    EXPECT_EQ(hung.error().code, Errc::timeout);
    EXPECT_TRUE(await_gone(pid));
    end(task);
}

INSTANTIATE_TEST_SUITE_P(Isolation, PlainProbeTest,
                         ::testing::Values(std::vector<std::string>{"cgroups/pids"},
                                           std::vector<std::string>{"filesystem/linux"},
                                           std::vector<std::string>{"posix/cpu"}));

}  // namespace
}  // namespace tepui::containerizer
