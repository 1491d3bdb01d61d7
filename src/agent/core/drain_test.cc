#include "agent/core/drain.h"

#include <gtest/gtest.h>

#include <csignal>

#include "agent/core/core_testing.h"

namespace tepui::agent::testing {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

class Drains : public ::testing::Test {
protected:
    Drains() { world.start(); }

    void drain(std::optional<Duration> grace = std::nullopt, bool mark_gone = false) {
        link::ToAgent frame;
        v1::DrainConfig& config = *frame.mutable_drain_agent()->mutable_config();
        if (grace) config.mutable_max_grace_period()->set_nanoseconds(grace->count());
        if (mark_gone) config.set_mark_gone(true);
        world.send(std::move(frame));
    }

    World world;
};

TEST_F(Drains, TasksEndWithItsReasonAndThenItIsOver) {
    world.run_task("t");
    drain();
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_AGENT_DRAINING);
    EXPECT_FALSE(world.core->state().drain);
    EXPECT_FALSE(world.disk.contains("drain"));
    world.run_task("u");
    EXPECT_EQ(world.states("u").back(), v1::TASK_RUNNING) << "whether one may come the master says";
}

TEST_F(Drains, TheGraceIsTheShorterOfBoth) {
    world.ignores_term = true;
    world.run_task("t");
    drain(2s);
    world.advance(1999ms);
    EXPECT_EQ(world.signals.size(), 1U);
    world.advance(1ms);
    ASSERT_EQ(world.signals.size(), 2U);
    EXPECT_EQ(world.signals[1].second, SIGKILL);
}

TEST_F(Drains, AgentsThatWillBeGoneSayItOfTheirTasks) {
    world.run_task("t");
    world.run(framework_info("old", true, /*partition_aware=*/false), task_info("u"));
    drain(std::nullopt, true);
    EXPECT_EQ(world.states("t").back(), v1::TASK_GONE_BY_OPERATOR);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_AGENT_DRAINING);
    EXPECT_EQ(world.states("u").back(), v1::TASK_KILLED);
}

TEST_F(Drains, ALaunchTellsThatItWasTakenBack) {
    world.ignores_term = true;
    world.run_task("t");
    drain(1s);
    ASSERT_TRUE(world.disk.contains("drain"));
    world.run_task("u");
    EXPECT_FALSE(world.core->state().drain);
    EXPECT_FALSE(world.disk.contains("drain"));
    world.advance(1min);
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED) << "it was told to end";
    EXPECT_EQ(world.states("u").back(), v1::TASK_RUNNING);
}

TEST_F(Drains, OutlivesARestart) {
    world.ignores_term = true;
    world.run_task("t");
    drain(10s);
    ASSERT_TRUE(world.disk.contains("drain"));
    world.crash();
    world.signals.clear();
    world.start();
    ASSERT_TRUE(world.core);
    EXPECT_FALSE(world.signals.empty()) << "the task is told again";
    world.advance(1min);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_AGENT_DRAINING);
    EXPECT_FALSE(world.disk.contains("drain"));
}

TEST_F(Drains, CustomExecutorsKillTheirTasksAndEnd) {
    world.run(framework_info("f1"), executor_task("t"));
    const std::uint64_t stream = world.subscribe();
    world.update("t", v1::TASK_RUNNING, "1");
    drain(1s);
    ASSERT_FALSE(world.heard(stream).empty());
    EXPECT_EQ(world.heard(stream).back(), v1::executor::Event::KILL);
    EXPECT_TRUE(world.core->state().drain);
    world.update("t", v1::TASK_KILLED, "2");
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_AGENT_DRAINING);
    EXPECT_EQ(world.heard(stream).back(), v1::executor::Event::SHUTDOWN);
    world.advance(1s);
    EXPECT_EQ(world.destroyed.size(), 1U);
    EXPECT_FALSE(world.core->state().drain);
}

TEST_F(Drains, AnEmptyAgentHasNothingToDo) {
    drain();
    EXPECT_FALSE(world.core->state().drain);
    EXPECT_FALSE(world.disk.contains("drain"));
}

}  // namespace
}  // namespace tepui::agent::testing
