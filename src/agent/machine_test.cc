#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/agent.h"
#include "agent/agent_testing.h"
#include "containerizer/cgroups/group.h"
#include "containerizer/cgroups/roots.h"

// The whole agent with the parts of this machine: real processes, cgroups and files.
namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

v1::TaskInfo command_task(const std::string& id, const std::string& command) {
    v1::TaskInfo task;
    task.set_name(id);
    task.mutable_task_id()->set_value(id);
    task.mutable_agent_id()->set_value("a1");
    task.mutable_command()->set_value(command);
    task.mutable_command()->set_user("root");
    for (const auto& [name, value] : {std::pair("cpus", 0.1), std::pair("mem", 32.0)}) {
        v1::Resource& resource = *task.add_resources();
        resource.set_name(name);
        resource.set_type(v1::Value::SCALAR);
        resource.mutable_scalar()->set_value(value);
        resource.mutable_allocation_info()->set_role("*");
    }
    return task;
}

struct MachineTest : ::testing::Test {
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "cgroups and namespaces need root";
        options.port = 0;
        options.work_dir = directory.path();
        options.runtime_dir = directory.path() + "/r";
        options.master = master.address();
        options.resources = "cpus:4;mem:1024;disk:1000";
        options.core.registration_backoff = 1ms;
        options.log.to_stderr = false;
        options.containerizer.shim_path = TEPUI_SHIM_PATH;
        options.containerizer.cgroups_root = fmt::format("tepui-agent-test-{}", ::getpid());
    }
    void TearDown() override {
        agent.reset();
        if (::geteuid() != 0) return;
        containerizer::cgroups::Groups groups(containerizer::cgroups::find_hierarchies(),
                                              options.containerizer.cgroups_root,
                                              {.cpu = true, .memory = true, .pids = true});
        groups.prepare();
        EXPECT_EQ(groups.names(), std::vector<std::string>{}) << "a container is left";
        containerizer::cgroups::remove_roots(options.containerizer.cgroups_root);
    }
    void start() {
        auto parts = machine_parts(options);
        ASSERT_TRUE(parts) << parts.error().text;
        auto started = Agent::start(options, std::move(*parts));
        ASSERT_TRUE(started) << started.error().text;
        agent = std::move(*started);
        options.port = agent->port();
        ASSERT_TRUE(master.wait_for([](const auto& frame) {
            return frame.has_register_agent() || frame.has_reregister_agent();
        }));
    }
    std::string stdout_of(const std::string& task) const {
        const std::string runs =
            directory.path() + "/slaves/a1/frameworks/f1/executors/" + task + "/runs";
        for (const auto& run : std::filesystem::directory_iterator(runs)) {
            if (run.is_symlink()) continue;
            std::ostringstream text;
            text << std::ifstream(run.path() / "stdout").rdbuf();
            return text.str();
        }
        return "no run";
    }

    TemporaryDirectory directory;
    testing::FakeMaster master;
    AgentOptions options;
    std::unique_ptr<Agent> agent;
};

TEST_F(MachineTest, RunsEcho) {
    start();
    master.run_task(command_task("t", "echo hello from $MESOS_TASK_ID"));
    const auto last = master.wait_for_state("t", v1::TASK_FINISHED);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->message(), "Command exited with status 0");
    EXPECT_EQ(stdout_of("t"), "hello from t\n");
    EXPECT_TRUE(master.wait_for_state("t", v1::TASK_STARTING));
    EXPECT_TRUE(master.wait_for_state("t", v1::TASK_RUNNING));
}

TEST_F(MachineTest, ARestartFindsTheSameProcess) {
    start();
    master.run_task(command_task("t", "exec sleep 1000"));
    const auto running = master.wait_for_state("t", v1::TASK_RUNNING);
    ASSERT_TRUE(running);
    const auto pid = static_cast<pid_t>(running->container_status().executor_pid());
    ASSERT_GT(pid, 0);
    agent.reset();
    EXPECT_EQ(::kill(pid, 0), 0) << "it runs on without the agent";
    master.forget();
    start();
    EXPECT_EQ(::kill(pid, 0), 0);
    link::ToAgent frame;
    frame.mutable_kill_task()->mutable_framework_id()->set_value("f1");
    frame.mutable_kill_task()->mutable_task_id()->set_value("t");
    master.send(frame);
    const auto last = master.wait_for_state("t", v1::TASK_KILLED);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->message(), "Command terminated with signal Terminated");
    EXPECT_EQ(static_cast<pid_t>(last->container_status().executor_pid()), pid);
    EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(MachineTest, LeavingEndsWhatRuns) {
    start();
    master.run_task(command_task("t", "trap '' TERM; echo ready; while :; do sleep 1; done"));
    const auto running = master.wait_for_state("t", v1::TASK_RUNNING);
    ASSERT_TRUE(running);
    const auto pid = static_cast<pid_t>(running->container_status().executor_pid());
    agent->leave();
    const auto end = agent->wait_for_end(testing::wait_max);
    ASSERT_TRUE(end);
    EXPECT_FALSE(end->failed) << end->why;
    EXPECT_NE(::kill(pid, 0), 0) << "it outlived the agent's leaving";
    EXPECT_TRUE(master.wait_for_state("t", v1::TASK_KILLED));
}

TEST_F(MachineTest, LeavingLeavesNoCgroupBehind) {
    const std::string outer = options.containerizer.cgroups_root;
    options.containerizer.cgroups_root = outer + "/inner";
    const auto roots = [&outer](const std::string& below) {
        std::size_t count = 0;
        for (const std::string& mount : containerizer::cgroups::mount_points())
            count += std::filesystem::exists(mount + "/" + outer + below) ? 1 : 0;
        return count;
    };
    start();
    master.run_task(command_task("t", "exec sleep 1000"));
    ASSERT_TRUE(master.wait_for_state("t", v1::TASK_RUNNING));
    agent->stop();
    agent.reset();
    const std::size_t made = roots("/inner");
    EXPECT_GT(made, 0u) << "an agent that will come back leaves them";
    master.forget();
    start();  // Another process made them, as far as this one can tell.
    agent->leave();
    ASSERT_TRUE(agent->wait_for_end(testing::wait_max));
    EXPECT_EQ(roots("/inner"), made);
    agent.reset();
    EXPECT_EQ(roots(""), 0u);
}

TEST_F(MachineTest, TasksHaveTheVariablesOfTheAgent) {
    options.task_environment = {{"A", "of the agent"}, {"B", "of the agent"}};
    start();
    auto task = command_task("t", "echo $A, $B");
    auto& variable = *task.mutable_command()->mutable_environment()->add_variables();
    variable.set_name("B");
    variable.set_value("of the task");
    master.run_task(task);
    ASSERT_TRUE(master.wait_for_state("t", v1::TASK_FINISHED));
    EXPECT_EQ(stdout_of("t"), "of the agent, of the task\n");
}

TEST_F(MachineTest, AnUnknownUserIsLost) {
    start();
    auto task = command_task("t", "true");
    task.mutable_command()->set_user("nosuchuser");
    master.run_task(task);
    const auto last = master.wait_for_state("t", v1::TASK_LOST);
    ASSERT_TRUE(last);
    EXPECT_EQ(last->reason(), v1::TaskStatus::REASON_EXECUTOR_TERMINATED);
    EXPECT_NE(last->message().find("nosuchuser"), std::string::npos);
}

}  // namespace
}  // namespace tepui::agent
