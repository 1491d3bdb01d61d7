#include "agent/core/pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/pods_testing.h"

// Pods over the crash of their agent.
namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using testing::World;
using Status = v1::TaskStatus;
using States = testing::pods::TaskStates;
using namespace testing::pods;

TEST(PodRecovery, RestartedAgentAdoptsPodAndTasks) {
    World world;
    world.start();
    run(world, {"a", "b"});
    const std::int64_t pid = world.containers.at(world.container_of("a")).pid;
    const ContainerId parent = pod(world)->container;
    world.crash();
    world.sent.clear();
    world.start();
    EXPECT_EQ(world.launches(), 3) << "nothing was launched twice";
    ASSERT_NE(pod(world), nullptr);
    EXPECT_EQ(pod(world)->container, parent);
    EXPECT_EQ(pod(world)->phase, ExecutorPhase::running);
    EXPECT_EQ(world.containers.at(world.container_of("a")).pid, pid);
    const auto again = std::find_if(world.sent.begin(), world.sent.end(),
                                    [](const auto& frame) { return frame.has_reregister_agent(); });
    ASSERT_NE(again, world.sent.end());
    ASSERT_EQ(again->reregister_agent().executors_size(), 1);
    EXPECT_EQ(again->reregister_agent().executors(0).executor_id().value(), "pod");
    ASSERT_EQ(again->reregister_agent().tasks_size(), 2);
    EXPECT_EQ(again->reregister_agent().tasks(0).executor_id().value(), "pod");
    // A third one gets a group of its own.
    run(world, {"c"});
    EXPECT_EQ(last(world, "c").state(), v1::TASK_RUNNING);
    world.exit_task("c", testing::exited(1));
    EXPECT_TRUE(world.updates("a").empty());
    world.exit_task("a", testing::exited(2));
    EXPECT_EQ(last(world, "b").state(), v1::TASK_KILLED);
    expect_over(world);
}

TEST(PodRecovery, WhatEndedMeanwhileTakesItsSiblings) {
    World world;
    world.start();
    run(world, {"a", "b", "c"});
    const ContainerId a = world.container_of("a");
    const ContainerId b = world.container_of("b");
    world.crash();
    world.exit_container(a, testing::exited(0));
    world.exit_container(b, testing::exited(1));
    world.start();
    EXPECT_EQ(last(world, "a").state(), v1::TASK_FINISHED) << "it ended by itself";
    EXPECT_EQ(last(world, "b").state(), v1::TASK_FAILED);
    EXPECT_EQ(last(world, "c").state(), v1::TASK_KILLED);
    expect_over(world);
}

TEST(PodRecovery, AfterABootAllIsGone) {
    World world;
    world.start();
    run(world, {"a", "b"});
    world.crash();
    world.machine_booted = true;
    world.start();
    for (const char* id : {"a", "b"}) {
        EXPECT_EQ(last(world, id).state(), v1::TASK_FAILED);
        EXPECT_EQ(last(world, id).reason(), Status::REASON_EXECUTOR_TERMINATED);
    }
    expect_over(world);
}

TEST(PodRecovery, WithoutCheckpointTheyGoWithTheAgent) {
    World world;
    world.start();
    Group group{{task("a")}};
    group.framework = testing::framework_info("f1", /*checkpoint=*/false);
    run(world, group);
    EXPECT_EQ(world.states("a"), starting_running);
    world.crash();
    world.start();
    EXPECT_TRUE(world.core->state().frameworks.empty());
    for (const auto& [id, container] : world.containers) EXPECT_FALSE(container.running);
}

/// Kills the agent before its nth effect of a pod's life, and looks at what comes of it.
class PodCrash : public ::testing::TestWithParam<int> {};

/// States of a task as a framework sees them; false when a life can't go that way.
bool fits(const States& states) {
    bool terminal = false;
    v1::TaskState before = v1::TASK_STAGING;
    for (const v1::TaskState state : states) {
        if (terminal) return state == before;
        const bool back = state == v1::TASK_STARTING && before != v1::TASK_STAGING;
        if (back || (state == v1::TASK_RUNNING && before == v1::TASK_KILLING)) return false;
        terminal =
            state != v1::TASK_STARTING && state != v1::TASK_RUNNING && state != v1::TASK_KILLING;
        before = state;
    }
    return true;
}

TEST_P(PodCrash, NothingIsLaunchedTwiceAndNobodyIsLeftAlone) {
    const int steps = GetParam();
    World world;
    world.start();
    world.crash_before_effect = steps;
    const auto back = [&] {
        if (!world.alive()) world.start();
    };
    const auto kill_if_known = [&](const char* id) {
        for (int attempt = 0; attempt < 2; ++attempt) {  // A crash may lose the first.
            const auto framework = world.core->state().frameworks.find(FrameworkId{"f1"});
            if (framework == world.core->state().frameworks.end()) return;
            // What the agent does not know it tells as lost: nothing of ours.
            if (framework->second.tasks.contains(TaskId{id})) world.kill(id);
            back();
        }
    };
    run(world, {"a", "b"});
    back();
    if (!world.states("a").empty() && last(world, "a").state() == v1::TASK_RUNNING) {
        run(world, {"c"});
        back();
        // The pod's own tasks end: one group by failure, one by a kill.
        if (pod(world) != nullptr && last(world, "a").state() == v1::TASK_RUNNING) {
            world.exit_task("a", testing::exited(1));
        }
        back();
        kill_if_known("c");
    } else {
        kill_if_known("b");
    }
    world.crash_before_effect.reset();
    world.advance(1h);
    for (const auto& [id, container] : world.containers)
        EXPECT_LE(container.launches, 1) << id.value;
    for (const char* id : {"a", "b", "c"}) {
        const States states = world.states(id);
        EXPECT_TRUE(fits(states)) << id << ": " << ::testing::PrintToString(states);
    }
    // One of a group never outlives the other.
    for (const char* id : {"a", "b"}) {
        if (world.states("a").empty() && world.states("b").empty()) break;
        const v1::TaskState state = last(world, id).state();
        EXPECT_TRUE(state != v1::TASK_STARTING && state != v1::TASK_RUNNING &&
                    state != v1::TASK_KILLING)
            << id << " is " << v1::TaskState_Name(state);
    }
    expect_over(world);
}
INSTANTIATE_TEST_SUITE_P(EveryEffect, PodCrash, ::testing::Range(0, 60));

}  // namespace
}  // namespace tepui::agent
