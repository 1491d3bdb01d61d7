#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "agent/agent_outlets.h"
#include "agent/agent_testing.h"
#include "agent/detect.h"
#include "agent/launch_spec.h"
#include "agent/master_detector.h"
#include "agent/routes/executor_views.h"
#include "agent/routes/state_views.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::uint64_t gigabyte = std::uint64_t{1} << 30;

TEST(Detect, SetsMemoryAndDiskAside) {
    struct Row {
        const char* name;
        Machine machine;
        double mem_mb;
        double disk_mb;
    };
    const Row rows[] = {
        {"large", {8, 16 * gigabyte, 100 * gigabyte}, 15 * 1024, 95 * 1024},
        {"just enough", {8, 2 * gigabyte, 10 * gigabyte}, 1024, 5 * 1024},
        {"small", {8, gigabyte, 6 * gigabyte}, 512, 3 * 1024},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto total = total_resources("", "*", row.machine);
        ASSERT_TRUE(total) << total.error().text;
        EXPECT_EQ(total->scalar("cpus").to_double(), 8);
        EXPECT_EQ(total->scalar("mem").to_double(), row.mem_mb);
        EXPECT_EQ(total->scalar("disk").to_double(), row.disk_mb);
        ASSERT_EQ(total->ranges("ports").list.size(), 1U);
        EXPECT_EQ(total->ranges("ports").list[0], (Ranges::Range{31000, 32000}));
    }
}

TEST(Detect, GivenOnesOverride) {
    const auto total = total_resources("cpus:2.5;ports:[1-2];things:7", "*", {8, 4 * gigabyte, 0});
    ASSERT_TRUE(total);
    EXPECT_EQ(total->scalar("cpus").to_double(), 2.5);
    EXPECT_EQ(total->scalar("mem").to_double(), 3 * 1024);
    EXPECT_EQ(total->scalar("things").to_double(), 7);
    EXPECT_EQ(total->ranges("ports").list[0], (Ranges::Range{1, 2}));
    EXPECT_FALSE(total_resources("cpus:x:y:", "*", {}));
}

TEST(Detect, ThisMachine) {
    const auto machine = inspect_machine("/");
    ASSERT_TRUE(machine);
    EXPECT_GE(machine->cores, 1U);
    EXPECT_GT(machine->memory_bytes, 0U);
    EXPECT_GT(machine->disk_bytes, 0U);
    EXPECT_EQ(read_boot_id().size(), 36U);
    EXPECT_FALSE(inspect_machine("/nowhere/at/all"));
}

TEST(Detector, GoesRoundAndFollows) {
    auto detector = FixedDetector::parse("a:1,b:2");
    ASSERT_TRUE(detector);
    EXPECT_EQ(detector->leader()->host, "a");
    detector->failed();
    EXPECT_EQ(detector->leader()->host, "b");
    detector->redirected(*http::parse_url("//c:3/x"));
    EXPECT_EQ(detector->leader()->host, "c");
    EXPECT_EQ(detector->leader()->port, 3);
    detector->failed();
    EXPECT_EQ(detector->leader()->host, "b") << "who told of it is asked again";
    detector->failed();
    EXPECT_EQ(detector->leader()->host, "a");
    EXPECT_FALSE(FixedDetector::parse(""));
    EXPECT_FALSE(FixedDetector::parse("host:notaport"));
}

LaunchContainer launch_of(const v1::TaskInfo& task) {
    LaunchContainer launch;
    launch.container = ContainerId{"c1"};
    launch.agent = AgentId{"a1"};
    launch.framework.mutable_id()->set_value("f1");
    launch.framework.set_checkpoint(true);
    launch.task = task;
    launch.user = "nobody";
    launch.sandbox = "/w/sandbox";
    return launch;
}

v1::TaskInfo task_with(std::initializer_list<std::pair<const char*, double>> scalars) {
    v1::TaskInfo task;
    task.set_name("t");
    task.mutable_task_id()->set_value("t1");
    task.mutable_command()->set_value("true");
    for (const auto& [name, value] : scalars) {
        v1::Resource& resource = *task.add_resources();
        resource.set_name(name);
        resource.set_type(v1::Value::SCALAR);
        resource.mutable_scalar()->set_value(value);
        resource.mutable_allocation_info()->set_role("dev");
    }
    return task;
}

TEST(LaunchSpec, SumsRequestsAndTakesLimits) {
    auto task = task_with({{"cpus", 1}, {"cpus", 0.5}, {"mem", 64}});
    auto spec = make_launch_spec(launch_of(task), {"10.0.0.1", 5051});
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->cpus, 1.5);
    EXPECT_FALSE(spec->cpus_limit) << "the task gives none";
    EXPECT_EQ(spec->mem_mb, 64);
    EXPECT_EQ(spec->mem_request_mb, 64);
    EXPECT_EQ(spec->resources.size(), 3);
    EXPECT_FALSE(spec->cpus_revocable);
    EXPECT_EQ(spec->user, "nobody");
    EXPECT_EQ(spec->sandbox, "/w/sandbox");
    EXPECT_EQ(spec->environment.at("MESOS_SANDBOX"), "/w/sandbox");
    EXPECT_EQ(spec->environment.at("MESOS_AGENT_ENDPOINT"), "10.0.0.1:5051");
    EXPECT_EQ(spec->environment.at("MESOS_FRAMEWORK_ID"), "f1");
    EXPECT_EQ(spec->environment.at("MESOS_CHECKPOINT"), "1");
    EXPECT_EQ(spec->environment.at("MESOS_ALLOCATION_ROLE"), "dev");
    (*task.mutable_limits())["mem"].set_value(128);
    (*task.mutable_limits())["cpus"].set_value(std::numeric_limits<double>::infinity());
    spec = make_launch_spec(launch_of(task), {});
    EXPECT_EQ(spec->mem_mb, 128);
    EXPECT_EQ(spec->mem_request_mb, 64);
    EXPECT_EQ(spec->cpus_limit, std::numeric_limits<double>::infinity());
    EXPECT_EQ(spec->cpus, 1.5);
    task.mutable_resources(0)->mutable_revocable();
    spec = make_launch_spec(launch_of(task), {});
    EXPECT_TRUE(spec->cpus_revocable);
    EXPECT_FALSE(spec->mem_revocable);
}

TEST(LaunchSpec, VariablesOfTheAgentAreBeneathThoseOfTheTask) {
    const auto spec = make_launch_spec(launch_of(task_with({})), {"10.0.0.1", 5051},
                                       {{"PATH", "/opt/bin"}, {"MESOS_SANDBOX", "elsewhere"}});
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->environment.at("PATH"), "/opt/bin");
    EXPECT_EQ(spec->environment.at("MESOS_SANDBOX"), "/w/sandbox");
}

TEST(LaunchSpec, RefusesWhatIsNotIsolated) {
    const auto expect_refused = [](const std::function<void(v1::TaskInfo&)>& change) {
        auto task = task_with({{"cpus", 1}});
        ASSERT_TRUE(make_launch_spec(launch_of(task), {}));
        change(task);
        const auto spec = make_launch_spec(launch_of(task), {});
        ASSERT_FALSE(spec);
        EXPECT_EQ(spec.error().code, Errc::unsupported);
    };
    expect_refused([](auto& task) {
        task.mutable_resources(0)->mutable_disk()->mutable_volume()->set_container_path("v");
    });
}

TEST(LaunchSpec, TheContainerizerSeesTheContainerAsTheTaskAsksForIt) {
    auto task = task_with({{"cpus", 1}});
    task.mutable_container()->set_type(v1::ContainerInfo::MESOS);
    task.mutable_container()->add_volumes()->set_container_path("data");
    const auto spec = make_launch_spec(launch_of(task), {});
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->info->volumes(0).container_path(), "data");
}

TEST(LaunchSpec, NetworksAreTheContainerizersBusiness) {
    auto task = task_with({{"cpus", 1}});
    task.mutable_container()->set_type(v1::ContainerInfo::MESOS);
    task.mutable_container()->add_network_infos()->set_name("front");
    const auto spec = make_launch_spec(launch_of(task), {});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_EQ(spec->info->network_infos(0).name(), "front");
}

TEST(LaunchSpec, ACheckHasNoSecretByValueOfItsOwn) {
    const auto add_secret = [](v1::CommandInfo& command) {
        auto& variable = *command.mutable_environment()->add_variables();
        variable.set_name("P");
        variable.mutable_secret()->mutable_value()->set_data("hunter2");
    };
    auto task = task_with({{"cpus", 1}});
    add_secret(*task.mutable_command());
    EXPECT_TRUE(make_launch_spec(launch_of(task), {}));
    auto healthy = task;
    add_secret(*healthy.mutable_health_check()->mutable_command());
    EXPECT_EQ(make_launch_spec(launch_of(healthy), {}).error().code, Errc::invalid_argument);
    add_secret(*task.mutable_check()->mutable_command()->mutable_command());
    const auto refused = make_launch_spec(launch_of(task), {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text.find("hunter2"), std::string::npos);
}

TEST(Sandboxes, RemovedWithTheEmptyDirectoriesAbove) {
    TemporaryDirectory work;
    const std::string executors = work.path() + "/slaves/a/frameworks/f/executors";
    const std::string sandbox = executors + "/t/runs/c";
    fs::create_directories(sandbox + "/sub");
    fs::create_directories(executors + "/u/runs/d");
    fs::create_directory_symlink(sandbox, executors + "/t/runs/latest");
    std::ofstream(work.path() + "/kept") << "x";
    fs::create_directory_symlink(work.path(), sandbox + "/trap");
    ASSERT_TRUE(remove_sandbox_tree(work.path(), sandbox));
    EXPECT_FALSE(fs::exists(executors + "/t"));
    EXPECT_TRUE(fs::exists(executors + "/u/runs/d"));
    EXPECT_TRUE(fs::exists(work.path() + "/kept")) << "links are not followed";
    EXPECT_TRUE(remove_sandbox_tree(work.path(), sandbox)) << "again costs nothing";
    EXPECT_FALSE(remove_sandbox_tree(work.path(), "/etc"));
    ASSERT_TRUE(remove_sandbox_tree(work.path(), executors + "/u/runs/d"));
    EXPECT_TRUE(fs::is_empty(work.path() + "/slaves"));
}

TEST(Views, ExecutorNamesAreCut) {
    v1::TaskInfo task = task_with({});
    task.mutable_command()->set_value("exit 3");
    EXPECT_EQ(executor_name(task), "Command Executor (Task: t1) (Command: sh -c 'exit 3')");
    task.mutable_command()->set_value("echo out; echo err; sleep 9");
    EXPECT_EQ(executor_name(task),
              "Command Executor (Task: t1) (Command: sh -c 'echo out; ec...')");
    task.mutable_command()->set_shell(false);
    task.mutable_command()->set_value("ls");
    task.mutable_command()->add_arguments("-l");
    EXPECT_EQ(executor_name(task), "Command Executor (Task: t1) (Command: ls -l)");
}

}  // namespace
}  // namespace tepui::agent
