#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/executors_testing.h"

// LAUNCH_GROUP: whole or not at all.
namespace tepui::master::testing {
namespace {

using mesos::v1::ExecutorInfo;
using mesos::v1::TaskInfo;
using mesos::v1::TaskStatus;
using ::testing::HasSubstr;
using Operation = mesos::v1::Offer::Operation;
using Cluster = ExecutorsCluster;

TEST(Pod, IsSentWholeWithItsExecutor) {
    Cluster cluster;
    const link::RunTaskGroup run = cluster.launch_group(default_executor("pod"), {"a", "b"});
    EXPECT_TRUE(run.launch_executor());
    EXPECT_EQ(run.executor().type(), ExecutorInfo::DEFAULT);
    EXPECT_EQ(run.executor().framework_id().value(), cluster.scheduler.id.value);
    ASSERT_EQ(run.task_group().tasks_size(), 2);
    for (const TaskInfo& task : run.task_group().tasks()) {
        EXPECT_EQ(task.resources(0).allocation_info().role(), "*");
    }
    EXPECT_EQ(run.framework().id().value(), cluster.scheduler.id.value);
    EXPECT_EQ(cluster.used_cpus(), 2.5);
    const auto& task = *cluster.framework().tasks.at(TaskId{"a"}).info;
    EXPECT_EQ(task.executor_id().value(), "pod");
    EXPECT_EQ(task.state(), mesos::v1::TASK_STAGING);

    EXPECT_FALSE(cluster.launch_group(default_executor("pod"), {"c"}).launch_executor());
    EXPECT_EQ(cluster.used_cpus(), 3.5);
}

TEST(Pod, MayHaveACustomExecutor) {
    Cluster cluster;
    const link::RunTaskGroup run = cluster.launch_group(custom_executor("e"), {"a"});
    EXPECT_EQ(run.executor().type(), ExecutorInfo::CUSTOM);
    EXPECT_FALSE(cluster.launch("t1", custom_executor("e")).launch_executor());
}

TEST(Pod, IsRefusedAsAWhole) {
    struct Row {
        const char* name;
        void (*spoil)(Operation&);
        const char* message;
    };
    const auto second = [](Operation& o) {
        return o.mutable_launch_group()->mutable_task_group()->mutable_tasks(1);
    };
    static const auto task = second;
    static const auto executor = [](Operation& o) {
        return o.mutable_launch_group()->mutable_executor();
    };
    const Row rows[] = {
        {"bad task", [](Operation& o) { task(o)->clear_resources(); },
         "Task 'b' is invalid: Task uses no resources"},
        {"twice", [](Operation& o) { task(o)->mutable_task_id()->set_value("a"); },
         "Task 'a' is twice in the task group"},
        {"other executor",
         [](Operation& o) { *task(o)->mutable_executor() = custom_executor("x"); },
         "Task 'b' is invalid: The executor of the task is not the group's ('pod')"},
        {"no command", [](Operation& o) { task(o)->clear_command(); }, "has no command"},
        {"docker",
         [](Operation& o) {
             task(o)->mutable_container()->set_type(mesos::v1::ContainerInfo::DOCKER);
             task(o)->mutable_container()->mutable_docker()->set_image("busybox");
         },
         "DOCKER container"},
        {"limits with shared cgroups",
         [](Operation& o) { (*task(o)->mutable_limits())["mem"].set_value(512); }, "share_cgroups"},
        {"cgroups shared by one only",
         [](Operation& o) {
             task(o)->mutable_container()->set_type(mesos::v1::ContainerInfo::MESOS);
             task(o)->mutable_container()->mutable_linux_info()->set_share_cgroups(false);
         },
         "Task 'b' and others of executor 'pod' differ"},
        {"a probe that cannot reach",
         [](Operation& o) {
             task(o)->mutable_container()->set_type(mesos::v1::ContainerInfo::MESOS);
             task(o)->mutable_container()->add_network_infos();
             task(o)->mutable_health_check()->set_type(mesos::v1::HealthCheck::TCP);
             task(o)->mutable_health_check()->mutable_tcp()->set_port(80);
         },
         "private network"},
        {"more than offered",
         [](Operation& o) {
             *task(o)->mutable_resources() = Resources::parse_flag("cpus:7")->to_proto();
         },
         "required by task group and its executor is more than available"},
        {"executor with a command",
         [](Operation& o) { executor(o)->mutable_command()->set_value("true"); },
         "must not have a command"},
        {"executor without a type", [](Operation& o) { executor(o)->clear_type(); },
         "neither type DEFAULT nor type CUSTOM"},
        {"executor in docker",
         [](Operation& o) {
             executor(o)->mutable_container()->set_type(mesos::v1::ContainerInfo::DOCKER);
             executor(o)->mutable_container()->mutable_docker()->set_image("busybox");
         },
         "must be of type MESOS"},
        {"executor with an image",
         [](Operation& o) {
             executor(o)->mutable_container()->set_type(mesos::v1::ContainerInfo::MESOS);
             auto& image = *executor(o)->mutable_container()->mutable_mesos()->mutable_image();
             image.set_type(mesos::v1::Image::DOCKER);
             image.mutable_docker()->set_name("busybox");
         },
         "must not have an image"},
        {"executor without cpus",
         [](Operation& o) {
             *executor(o)->mutable_resources() = Resources::parse_flag("mem:32;disk:1")->to_proto();
         },
         "cpus, but needs at least 0.01"},
        {"executor with little memory",
         [](Operation& o) {
             *executor(o)->mutable_resources() =
                 Resources::parse_flag("cpus:1;mem:31;disk:1")->to_proto();
         },
         "31 MB of mem, but needs at least 32"},
        {"executor without disk",
         [](Operation& o) {
             *executor(o)->mutable_resources() = Resources::parse_flag("cpus:1;mem:32")->to_proto();
         },
         "has no disk"},
        {"operation id", [](Operation& o) { o.mutable_id()->set_value("op"); },
         "not possible for LAUNCH_GROUP"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Cluster cluster;
        const auto offer = cluster.scheduler.offer();
        Operation operation = group_of(offer, default_executor("pod"), {"a", "b"});
        row.spoil(operation);
        cluster.operate(offer, {operation});
        const auto updates = cluster.scheduler.updates();
        ASSERT_EQ(updates.size(), 2u);
        for (const auto& update : updates) {
            EXPECT_EQ(update.state(), mesos::v1::TASK_ERROR);
            EXPECT_EQ(update.reason(), TaskStatus::REASON_TASK_GROUP_INVALID);
            EXPECT_EQ(update.source(), TaskStatus::SOURCE_MASTER);
            EXPECT_FALSE(update.has_uuid());
            EXPECT_THAT(update.message(), HasSubstr(row.message));
        }
        EXPECT_TRUE(cluster.agent.take(link::ToAgent::kRunTaskGroup).empty());
        EXPECT_TRUE(cluster.framework().tasks.empty());
        EXPECT_TRUE(cluster.executors().empty());
        EXPECT_EQ(cluster.used_cpus(), 0);
    }
}

TEST(Pod, TwoOfItsTasksCannotHaveOnePort) {
    FakeShell shell;
    FakeAgent agent =
        register_agent(shell, agent_info("node1", "cpus:8;mem:1024;disk:1000;ports:[31000-31009]"));
    FakeScheduler scheduler = subscribe(shell);
    const auto offer = scheduler.offer();
    Operation operation = group_of(offer, default_executor("pod"), {"a", "b"});
    auto& tasks = *operation.mutable_launch_group()->mutable_task_group();
    for (TaskInfo& task : *tasks.mutable_tasks())
        *task.mutable_resources() =
            Resources::parse_flag("cpus:1;mem:32;ports:[31002-31003]")->to_proto();
    scheduler.operate(offer, std::move(operation));

    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 2u);
    EXPECT_EQ(updates[0].reason(), mesos::v1::TaskStatus::REASON_TASK_GROUP_INVALID);
    EXPECT_NE(updates[0].message().find("wanted more than once by task group"), std::string::npos);
    EXPECT_TRUE(agent.take(link::ToAgent::kRunTaskGroup).empty());
}

TEST(Pod, LimitsGoWithCgroupsOfItsOwn) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    Operation operation = group_of(offer, default_executor("pod"), {"a"});
    TaskInfo& task = *operation.mutable_launch_group()->mutable_task_group()->mutable_tasks(0);
    task.mutable_container()->set_type(mesos::v1::ContainerInfo::MESOS);
    task.mutable_container()->mutable_linux_info()->set_share_cgroups(false);
    (*task.mutable_limits())["mem"].set_value(512);
    cluster.operate(offer, {operation});
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kRunTaskGroup).size(), 1u);

    // Those that run already count too.
    const auto next = cluster.scheduler.offer();
    cluster.operate(next, {group_of(next, default_executor("pod"), {"b"})});
    const auto updates = cluster.scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_THAT(updates[0].message(), HasSubstr("Task 'a' and others of executor 'pod' differ"));
}

TEST(Pod, WithoutTasksIsNothing) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.operate(offer, {group_of(offer, default_executor("pod"), {})});
    EXPECT_TRUE(cluster.agent.take(link::ToAgent::kRunTaskGroup).empty());
    EXPECT_TRUE(cluster.executors().empty());
    EXPECT_EQ(cluster.scheduler.offers().size(), 1u) << "offered again";
}

TEST(Pod, OnUsedOffersIsDropped) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.scheduler.decline(offer, 3600);
    cluster.operate(offer, {group_of(offer, default_executor("pod"), {"a", "b"})});
    const auto updates = cluster.scheduler.updates();
    ASSERT_EQ(updates.size(), 2u);
    EXPECT_EQ(updates[1].state(), mesos::v1::TASK_DROPPED);
    EXPECT_EQ(updates[1].reason(), TaskStatus::REASON_INVALID_OFFERS);
}

}  // namespace
}  // namespace tepui::master::testing
