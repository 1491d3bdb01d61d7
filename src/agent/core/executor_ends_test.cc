#include "agent/core/executors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "agent/core/executors_testing.h"

// How executors and their tasks end.
namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::ElementsAre;
using testing::executor_task;
using testing::exited;
using testing::framework_info;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Started = testing::ExecutorWorld;
using Event = v1::executor::Event;
using Status = v1::TaskStatus;

TEST(ExecutorEnds, ShutdownHasAGraceAndThenAnEnd) {
    Started world;
    world.run_on("t");
    const auto stream = world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    world.shutdown_executor();
    EXPECT_EQ(world.heard(stream).back(), Event::SHUTDOWN);
    world.advance(4s);
    EXPECT_THAT(world.destroyed, IsEmpty());
    world.advance(1s);
    EXPECT_THAT(world.destroyed, SizeIs(1));
    EXPECT_EQ(world.states("t").back(), v1::TASK_FAILED);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_EXECUTOR_TERMINATED);
    EXPECT_EQ(world.updates("t").back().source(), Status::SOURCE_AGENT);
    EXPECT_EQ(world.last_message("t"), "Executor terminated");
    EXPECT_THAT(world.exits(), ElementsAre(SIGKILL));
}

TEST(ExecutorEnds, ItsOwnGraceCountsAndLastWordsAreHeard) {
    Started world;
    v1::TaskInfo task = executor_task("t");
    task.mutable_executor()->mutable_shutdown_grace_period()->set_nanoseconds(20'000'000'000);
    world.run(framework_info("f1"), task);
    world.subscribe();
    world.shutdown_executor();
    world.advance(19s);
    EXPECT_THAT(world.destroyed, IsEmpty());
    world.update("t", v1::TASK_KILLED, "u1");
    world.exit_container(world.executor().container, exited(0));
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_KILLED));
    EXPECT_THAT(world.exits(), ElementsAre(0));
    EXPECT_FALSE(world.has_executor());
}

TEST(ExecutorEnds, OneThatNeverSubscribesIsGivenUp) {
    Started world;
    world.run_on("t");
    world.advance(59s);
    EXPECT_THAT(world.destroyed, IsEmpty());
    world.advance(1s);
    EXPECT_THAT(world.destroyed, SizeIs(1));
    EXPECT_EQ(world.updates("t").back().state(), v1::TASK_FAILED);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_EXECUTOR_REGISTRATION_TIMEOUT);
}

TEST(ExecutorEnds, ANewerStreamTakesTheOldOnesPlace) {
    Started world;
    world.run_on("t");
    const auto first = world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    const auto second = world.subscribe();
    EXPECT_TRUE(world.closed.contains(first));
    EXPECT_THAT(world.heard(second), ElementsAre(Event::SUBSCRIBED));
    world.feed(ExecutorDisconnected{first});  // Late news of the old one.
    world.message("hello");
    EXPECT_EQ(world.heard(second).back(), Event::MESSAGE);
}

TEST(ExecutorEnds, WithoutAStreamTheTasksLiveOn) {
    Started world;
    world.run_on("t");
    const auto first = world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    world.feed(ExecutorDisconnected{first});
    world.run_on("u");
    world.kill("t");
    world.advance(10min);
    EXPECT_THAT(world.destroyed, IsEmpty());
    EXPECT_EQ(world.states("t").back(), v1::TASK_RUNNING);
    const auto second = world.subscribe();
    EXPECT_THAT(world.heard(second), ElementsAre(Event::SUBSCRIBED, Event::KILL, Event::LAUNCH))
        << "what it missed";
}

TEST(ExecutorEnds, ATaskLostWithTheStreamIsDropped) {
    for (const bool aware : {true, false}) {
        Started world;
        world.run_on("t", "e", true, aware);
        world.run_on("u", "e", true, aware);
        world.feed(ExecutorDisconnected{world.subscribe()});
        v1::executor::Call::Subscribe repeats;
        *repeats.add_unacknowledged_tasks() = executor_task("u");
        world.subscribe(repeats);
        EXPECT_THAT(world.states("t"), ElementsAre(aware ? v1::TASK_DROPPED : v1::TASK_LOST));
        EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_AGENT_RESTARTED);
        EXPECT_THAT(world.updates("u"), IsEmpty()) << "the executor has it";
    }
}

TEST(ExecutorEnds, ItsEndEndsItsTasks) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.run_on("u");
    const Limitation limit{Status::REASON_CONTAINER_LIMITATION_MEMORY, "Memory limit exceeded", {}};
    world.exit_container(world.executor().container, 9, limit);
    for (const char* task : {"t", "u"}) {
        EXPECT_EQ(world.updates(task).back().state(), v1::TASK_FAILED);
        EXPECT_EQ(world.updates(task).back().reason(), Status::REASON_CONTAINER_LIMITATION_MEMORY);
        EXPECT_EQ(world.updates(task).back().executor_id().value(), "e");
    }
    EXPECT_THAT(world.exits(), ElementsAre(9));
    EXPECT_EQ(world.core->state().counters.executors_terminated, 1U) << "two tasks, one executor";
}

TEST(ExecutorEnds, AnIdIsFreeAgainWhenAllIsOver) {
    Started world;
    world.master_acknowledges = false;
    world.run_on("t");
    world.subscribe();
    const ContainerId old = world.executor().container;
    world.exit_container(old, exited(5));
    world.run_on("early");
    EXPECT_EQ(world.updates("early").back().state(), v1::TASK_DROPPED);
    EXPECT_EQ(world.updates("early").back().reason(), Status::REASON_EXECUTOR_TERMINATED);
    EXPECT_EQ(world.launches(), 1);
    world.master_acknowledges = true;
    world.acknowledge(world.updates("t").back());
    world.run_on("late");
    EXPECT_EQ(world.launches(), 2);
    EXPECT_NE(world.executor().container, old);
}

TEST(ExecutorEnds, OneThatCannotBeLaunchedFailsItsTasks) {
    Started world;
    world.containers_start = false;
    world.run_on("t");
    world.feed(
        ContainerLaunchFailed{world.executor().container, Error{Errc::io, "no such URI"}, false});
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_CONTAINER_LAUNCH_FAILED);
    EXPECT_EQ(world.last_message("t"), "Failed to launch container: no such URI");
    EXPECT_THAT(world.exits(), ElementsAre(-1));
}

TEST(ExecutorEnds, WithoutItsTasksResourcesItEnds) {
    for (const bool aware : {true, false}) {
        Started world;
        world.run_on("t", "e", true, aware);
        world.update_fails = true;
        world.subscribe();
        EXPECT_EQ(world.updates("t").back().state(), aware ? v1::TASK_GONE : v1::TASK_LOST);
        EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_CONTAINER_UPDATE_FAILED);
    }
}

TEST(ExecutorEnds, FrameworkShutdownEndsThemAll) {
    Started world;
    world.run_on("t");
    world.run_on("u", "idle");
    const auto stream = world.subscribe();
    const auto idle = world.subscribe({}, "idle");
    world.update("u", v1::TASK_FINISHED, "u1", "idle");
    const auto told = world.updates("t").size();
    world.shutdown_framework();
    EXPECT_EQ(world.heard(stream).back(), Event::SHUTDOWN);
    EXPECT_EQ(world.heard(idle).back(), Event::SHUTDOWN);
    world.exit_container(world.executor("idle").container, exited(0));
    world.advance(5s);
    EXPECT_THAT(world.destroyed, SizeIs(1));
    EXPECT_EQ(world.updates("t").size(), told) << "nobody to tell";
    EXPECT_TRUE(world.core->state().frameworks.empty());
    ASSERT_THAT(world.core->state().completed_frameworks, SizeIs(1));
    EXPECT_THAT(world.core->state().completed_frameworks.front().completed_executors, SizeIs(2));
}

TEST(ExecutorEnds, ADepartingAgentTakesThemAlong) {
    Started world;
    world.run_on("t");
    const auto stream = world.subscribe();
    world.feed(DepartureRequested{});
    EXPECT_EQ(world.heard(stream).back(), Event::SHUTDOWN);
    world.advance(1s);
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
    EXPECT_EQ(world.ended, "it left the cluster, as it was asked to");
}

TEST(ExecutorEnds, AnAgentShutDownEndsThemAtOnce) {
    Started world;
    world.run_on("t");
    world.subscribe();
    link::ToAgent frame;
    frame.mutable_shutdown_agent()->set_message("gone");
    world.send(std::move(frame));
    EXPECT_THAT(world.destroyed, SizeIs(1));
    EXPECT_EQ(world.ended, "gone");
}

}  // namespace
}  // namespace tepui::agent
