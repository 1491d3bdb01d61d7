#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/launch_spec.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

LaunchContainer nested(const v1::ContainerInfo& container = {}) {
    LaunchContainer launch;
    launch.container = ContainerId{"c2"};
    launch.agent = AgentId{"a1"};
    launch.framework.mutable_id()->set_value("f1");
    launch.framework.set_checkpoint(true);
    launch.task.mutable_task_id()->set_value("t1");
    launch.task.mutable_command()->set_value("true");
    if (container.ByteSizeLong() > 0) *launch.task.mutable_container() = container;
    launch.user = "nobody";
    launch.sandbox = "/w/pod/containers/c2";
    launch.pod = PodPlace{ContainerId{"c1"}, ExecutorId{"pod"}};
    return launch;
}

TEST(PodSpec, PodRunsNothingAndHoldsTheLimits) {
    LaunchPod launch;
    launch.container = ContainerId{"c1"};
    launch.limits = {1.5, 2.0, 96, 64, {{31000, 31001}}, true};
    launch.user = "nobody";
    launch.sandbox = "/w/pod";
    const auto spec = make_launch_spec(launch);
    EXPECT_TRUE(spec.hold);
    EXPECT_TRUE(spec.outlives_agent);
    EXPECT_FALSE(spec.parent);
    EXPECT_EQ(spec.container.value, "c1");
    EXPECT_EQ(spec.user, "nobody");
    EXPECT_EQ(spec.sandbox, "/w/pod");
    EXPECT_EQ(spec.cpus, 1.5);
    EXPECT_EQ(spec.cpus_limit, 2.0);
    EXPECT_EQ(spec.mem_mb, 96);
    EXPECT_EQ(spec.mem_request_mb, 64);
    EXPECT_TRUE(spec.cpus_revocable);
    ASSERT_EQ(spec.resources.size(), 1);
    EXPECT_EQ(spec.resources[0].ranges().range(0).end(), 31001u);
    launch.checkpoint = false;
    EXPECT_FALSE(make_launch_spec(launch).outlives_agent);
}

TEST(PodSpec, NetworksOfTheExecutorAreThePods) {
    LaunchPod launch;
    launch.container = ContainerId{"c1"};
    EXPECT_FALSE(make_launch_spec(launch).info);
    launch.container_info.set_hostname("pod");
    launch.container_info.add_volumes()->set_container_path("data");
    launch.container_info.add_network_infos()->set_name("front");
    const auto spec = make_launch_spec(launch);
    ASSERT_TRUE(spec.info);
    EXPECT_EQ(spec.info->network_infos(0).name(), "front");
    EXPECT_EQ(spec.info->hostname(), "pod");
    EXPECT_TRUE(spec.info->volumes().empty()) << "nothing runs in it that could see them";
}

TEST(PodSpec, TaskIsNestedAndKnowsItsExecutor) {
    const auto spec = make_launch_spec(nested(), {"10.0.0.1", 5051});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_FALSE(spec->hold);
    ASSERT_TRUE(spec->parent);
    EXPECT_EQ(spec->parent->value, "c1");
    EXPECT_TRUE(spec->share_cgroups);
    EXPECT_EQ(spec->shown_as, "tasks/t1");
    EXPECT_EQ(spec->environment.at("MESOS_EXECUTOR_ID"), "pod");
    EXPECT_EQ(spec->environment.at("MESOS_TASK_ID"), "t1");
    EXPECT_EQ(spec->environment.at("MESOS_SANDBOX"), "/w/pod/containers/c2");
}

TEST(PodSpec, CgroupsOfItsOwnWhenItSaysSo) {
    v1::ContainerInfo container;
    container.set_type(v1::ContainerInfo::MESOS);
    container.mutable_linux_info()->set_share_cgroups(false);
    const auto spec = make_launch_spec(nested(container), {});
    ASSERT_TRUE(spec) << spec.error().text;
    EXPECT_FALSE(spec->share_cgroups);
    // Whatever else is asked of the kernel reaches the containerizer, which knows its isolators.
    container.mutable_linux_info()->set_share_pid_namespace(true);
    const auto shares = make_launch_spec(nested(container), {});
    ASSERT_TRUE(shares);
    EXPECT_TRUE(shares->info->linux_info().share_pid_namespace());
}

}  // namespace
}  // namespace tepui::agent
