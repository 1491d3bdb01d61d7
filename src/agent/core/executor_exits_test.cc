#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core_testing.h"

// What the master is told of an executor's end: once, and never of one it has not to do with.
namespace tepui::agent::testing {
namespace {

using link::ToMaster;
using ::testing::HasSubstr;

mesos::v1::ExecutorInfo executor_info() {
    mesos::v1::ExecutorInfo info;
    info.set_type(mesos::v1::ExecutorInfo::CUSTOM);
    info.mutable_executor_id()->set_value("e");
    info.mutable_framework_id()->set_value("f1");
    info.mutable_command()->set_value("./executor");
    return info;
}

link::ToAgent run_task(const std::string& id, bool is_new) {
    link::ToAgent frame;
    auto& run = *frame.mutable_run_task();
    run.mutable_framework()->mutable_id()->set_value("f1");
    run.mutable_framework()->set_user("nobody");
    run.mutable_framework()->set_name("test");
    run.mutable_framework()->set_checkpoint(true);
    run.mutable_task()->set_name(id);
    run.mutable_task()->mutable_task_id()->set_value(id);
    run.mutable_task()->mutable_agent_id()->set_value("agent");
    *run.mutable_task()->mutable_executor() = executor_info();
    run.set_launch_executor(is_new);
    return frame;
}

TEST(ExecutorExits, ATaskOfAnExecutorThatIsGoneIsDroppedSilently) {
    World world;
    world.start();
    world.send(run_task("t1", /*is_new=*/false));
    EXPECT_TRUE(world.executor_launches.empty());
    EXPECT_EQ(world.states("t1"), std::vector{mesos::v1::TASK_LOST});
    EXPECT_THAT(world.last_message("t1"), HasSubstr("Executor e has ended"));
    EXPECT_EQ(world.count_sent(ToMaster::kExecutorExited), 0);
}

TEST(ExecutorExits, ANewOneThatMeetsTheOldOnesEndIsSaidToHaveExited) {
    World world;
    world.master_acknowledges = false;
    world.start();
    world.send(run_task("t1", /*is_new=*/true));
    ASSERT_EQ(world.executor_launches.size(), 1u);
    world.exit_container(world.executor_launches[0].container, 0);
    ASSERT_EQ(world.count_sent(ToMaster::kExecutorExited), 1);
    // Its task's update is not acknowledged: the id is not free yet.
    world.send(run_task("t2", /*is_new=*/true));
    EXPECT_EQ(world.executor_launches.size(), 1u);
    EXPECT_THAT(world.last_message("t2"), HasSubstr("Executor e is ending"));
    EXPECT_EQ(world.count_sent(ToMaster::kExecutorExited), 2)
        << "the master charges for the second one";
    world.send(run_task("t3", /*is_new=*/false));
    EXPECT_EQ(world.count_sent(ToMaster::kExecutorExited), 2);
}

TEST(ExecutorExits, OneThatEndsAfterItWasListedIsSaidOnceRegistered) {
    World world;
    world.start();
    world.send(run_task("t1", /*is_new=*/true));
    ASSERT_EQ(world.executor_launches.size(), 1u);
    world.master_registers = false;
    world.ping(/*connected=*/false);
    world.advance(std::chrono::seconds{1});
    ASSERT_GE(world.count_sent(ToMaster::kReregisterAgent), 1);
    world.exit_container(world.executor_launches[0].container, 0);
    EXPECT_EQ(world.count_sent(ToMaster::kExecutorExited), 0);
    link::ToAgent answer;
    auto& reregistered = *answer.mutable_agent_reregistered();
    *reregistered.mutable_agent_id() = world.core->state().config.info.id();
    reregistered.mutable_agent_id()->set_value(world.core->state().id->value);
    reregistered.set_epoch(1);
    reregistered.set_ping_timeout_seconds(0);
    reregistered.set_master_id("m");
    world.send(answer);
    EXPECT_EQ(world.count_sent(ToMaster::kExecutorExited), 1);
}

TEST(ExecutorExits, ANewListMakesUpForIt) {
    World world;
    world.start();
    world.send(run_task("t1", /*is_new=*/true));
    ASSERT_EQ(world.executor_launches.size(), 1u);
    world.master_registers = false;
    world.ping(/*connected=*/false);
    world.exit_container(world.executor_launches[0].container, 0);
    world.master_registers = true;
    world.advance(std::chrono::minutes{2});
    EXPECT_GE(world.count_sent(ToMaster::kReregisterAgent), 1);
    EXPECT_EQ(world.count_sent(ToMaster::kExecutorExited), 0);
}

}  // namespace
}  // namespace tepui::agent::testing
