#include "agent/core/displacement.h"

#include <gtest/gtest.h>

#include "agent/core/pods_testing.h"

namespace tepui::agent::testing {
namespace {

namespace v1 = mesos::v1;
using Status = v1::TaskStatus;

constexpr const char* why = "Displaced by role 'prod' (band 10)";

class Displaced : public ::testing::Test {
protected:
    Displaced() { world.start(); }

    void displace(const std::string& task) {
        link::ToAgent frame;
        link::KillTask& kill = *frame.mutable_kill_task();
        kill.mutable_framework_id()->set_value("f1");
        kill.mutable_task_id()->set_value(task);
        kill.set_displaced(why);
        world.send(std::move(frame));
    }
    void expect_told(const std::string& task, v1::TaskState state) {
        EXPECT_EQ(world.states(task).back(), state);
        EXPECT_EQ(world.updates(task).back().reason(), Status::REASON_CONTAINER_PREEMPTED);
        EXPECT_EQ(world.updates(task).back().message(), why);
    }
    bool is_kept() const {
        return std::ranges::any_of(
            world.disk, [](const auto& entry) { return entry.first.ends_with("/displaced"); });
    }

    World world;
};

TEST_F(Displaced, ATaskIsToldWhoItWas) {
    world.run_task("t");
    displace("t");
    expect_told("t", v1::TASK_GONE);
}

TEST_F(Displaced, OfAFrameworkThatDoesNotKnowGoneItIsLost) {
    world.run(framework_info("f1", true, /*partition_aware=*/false), task_info("t"));
    displace("t");
    expect_told("t", v1::TASK_LOST);
}

TEST_F(Displaced, WhatEndsByItselfOrItsFrameworkIsNot) {
    world.ignores_term = true;
    world.run_task("t");
    world.kill("t", 5s);
    displace("t");
    world.advance(1min);
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
    EXPECT_FALSE(is_kept());
}

TEST_F(Displaced, ItIsKnownAfterARestart) {
    world.ignores_term = true;
    world.run_task("t");
    displace("t");
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLING);
    ASSERT_TRUE(is_kept());
    world.crash();
    world.start();
    ASSERT_TRUE(world.core);
    world.advance(1min);
    expect_told("t", v1::TASK_GONE);
}

TEST_F(Displaced, CustomExecutorsKillTheirTasks) {
    world.run(framework_info("f1"), executor_task("t"));
    const std::uint64_t stream = world.subscribe();
    world.update("t", v1::TASK_RUNNING, "1");
    displace("t");
    EXPECT_EQ(world.heard(stream).back(), v1::executor::Event::KILL);
    world.update("t", v1::TASK_KILLED, "2");
    expect_told("t", v1::TASK_GONE);
}

TEST_F(Displaced, APodGoesAsAWhole) {
    pods::run(world, {"a", "b"});
    displace("a");
    expect_told("a", v1::TASK_GONE);
    expect_told("b", v1::TASK_GONE);
}

}  // namespace
}  // namespace tepui::agent::testing
