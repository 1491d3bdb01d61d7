#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "agent/core/core_testing.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::ElementsAre;
using testing::exited;
using testing::framework_info;
using ::testing::IsEmpty;
using testing::task_info;
using testing::World;
using Status = v1::TaskStatus;

struct Started : World {
    Started() { start(); }
    std::vector<int> signal_numbers() const {
        std::vector<int> list;
        for (const auto& [container, signal] : signals) list.push_back(signal);
        return list;
    }
};

TEST(Ending, KillSaysKillingThenKilled) {
    Started world;
    world.run_task("t");
    world.kill("t");
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING,
                                               v1::TASK_KILLING, v1::TASK_KILLED));
    EXPECT_EQ(world.last_message("t"), "Command terminated with signal Terminated");
    EXPECT_EQ(world.updates("t").back().source(), Status::SOURCE_EXECUTOR);
    EXPECT_THAT(world.signal_numbers(), ElementsAre(SIGTERM));
}

TEST(Ending, KillingIsOnlyForFrameworksThatKnowIt) {
    Started world;
    world.run(framework_info("f1", true, true, false), task_info("t"));
    world.kill("t");
    EXPECT_THAT(world.states("t"),
                ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING, v1::TASK_KILLED));
}

TEST(Ending, KilledEvenWhenItExitsWithZero) {
    Started world;
    world.ignores_term = true;
    world.run_task("t");
    world.kill("t");
    world.exit_task("t", exited(0));
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
    EXPECT_EQ(world.last_message("t"), "Command exited with status 0");
}

TEST(Ending, SignalsOnlyOnceTheKillIsDurable) {
    Started world;
    world.run_task("t");
    world.store_answers = false;
    world.kill("t");
    EXPECT_TRUE(world.signals.empty());
    world.write_all();
    EXPECT_THAT(world.signal_numbers(), ElementsAre(SIGTERM));
}

TEST(Ending, TheContainerIsForgottenWhenNobodyCanAskForItsEnd) {
    Started world;
    world.master_acknowledges = false;
    world.run_task("t");
    const ContainerId container = world.container_of("t");
    world.exit_task("t", exited(0));
    for (int last = 0; last < 2; ++last) world.acknowledge(world.updates("t").at(last));
    EXPECT_THAT(world.forgotten, IsEmpty()) << "the end is not acknowledged";
    world.store_answers = false;
    world.acknowledge(world.updates("t").back());
    EXPECT_THAT(world.forgotten, IsEmpty()) << "nor is that durable";
    world.write_all();
    EXPECT_THAT(world.forgotten, ElementsAre(container));
}

TEST(Ending, WithoutCheckpointTheContainerIsForgottenAtOnce) {
    Started world;
    world.run(framework_info("f1", false), task_info("t"));
    const ContainerId container = world.container_of("t");
    world.exit_task("t", exited(0));
    EXPECT_THAT(world.forgotten, ElementsAre(container));
}

TEST(Ending, GraceIsTheCallsElseTheTasksElseThreeSeconds) {
    struct Row {
        const char* name;
        std::optional<Duration> call;
        std::optional<Duration> task;
        Duration want;
    };
    const Row rows[] = {
        {"default", std::nullopt, std::nullopt, 3s},
        {"task", std::nullopt, 7s, 7s},
        {"call", 500ms, 7s, 500ms},
        {"zero", 0s, 7s, 0s},
        {"negative", -5s, std::nullopt, 0s},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Started world;
        world.ignores_term = true;
        auto task = task_info("t");
        if (row.task) {
            task.mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(row.task->count());
        }
        world.run(framework_info("f1"), task);
        world.kill("t", row.call);
        if (row.want > Duration::zero()) {
            world.advance(row.want - 1ms);
            EXPECT_THAT(world.signal_numbers(), ElementsAre(SIGTERM));
        }
        world.advance(1ms);
        EXPECT_THAT(world.signal_numbers(), ElementsAre(SIGTERM, SIGKILL));
        EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
        EXPECT_EQ(world.last_message("t"), "Command terminated with signal Killed");
    }
}

TEST(Ending, ASecondKillShortensButNeverLengthens) {
    Started world;
    world.ignores_term = true;
    world.run_task("t");
    world.kill("t", 60s);
    world.advance(10s);
    world.kill("t", 300s);
    world.kill("t", 20s);
    world.advance(9s);
    EXPECT_THAT(world.signal_numbers(), ElementsAre(SIGTERM));
    world.advance(1s);
    EXPECT_THAT(world.signal_numbers(), ElementsAre(SIGTERM, SIGKILL));
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING,
                                               v1::TASK_KILLING, v1::TASK_KILLED));
}

TEST(Ending, ASecondKillOfAShorterGraceThatIsOverActsNow) {
    Started world;
    world.ignores_term = true;
    world.run_task("t");
    world.kill("t", 60s);
    world.advance(10s);
    world.kill("t", 5s);
    world.advance(0s);
    EXPECT_THAT(world.signal_numbers(), ElementsAre(SIGTERM, SIGKILL));
}

TEST(Ending, KillBeforeTheTaskIsStored) {
    Started world;
    world.store_answers = false;
    world.run_task("t");
    world.kill("t");
    world.write_all();
    EXPECT_EQ(world.launches(), 0);
    const auto updates = world.updates("t");
    ASSERT_EQ(updates.size(), 1U);
    EXPECT_EQ(updates[0].state(), v1::TASK_KILLED);
    EXPECT_EQ(updates[0].reason(), Status::REASON_TASK_KILLED_DURING_LAUNCH);
    EXPECT_EQ(updates[0].source(), Status::SOURCE_AGENT);
}

TEST(Ending, KillDuringTheLaunchWhicheverComesFirst) {
    for (const bool starts : {false, true}) {
        Started world;
        world.containers_start = false;
        world.run_task("t");
        const ContainerId container = world.container_of("t");
        world.kill("t");
        EXPECT_THAT(world.destroyed, ElementsAre(container));
        EXPECT_TRUE(world.updates("t").empty()) << "the container may still be there";
        if (starts) {
            world.containers.at(container).running = true;
            world.feed(ContainerStarted{container, 100});
        } else {
            world.feed(ContainerLaunchFailed{container, {Errc::cancelled, "destroyed"}});
        }
        const auto updates = world.updates("t");
        ASSERT_EQ(updates.size(), 1U);
        EXPECT_EQ(updates[0].state(), v1::TASK_KILLED);
        EXPECT_EQ(updates[0].reason(), Status::REASON_TASK_KILLED_DURING_LAUNCH);
    }
}

TEST(Ending, KillOfAnUnknownTask) {
    Started world;
    world.run_task("other");
    world.kill("t");
    EXPECT_EQ(world.updates("t").back().state(), v1::TASK_DROPPED);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_EXECUTOR_TERMINATED);
    world.run(framework_info("plain", true, false), task_info("other"));
    world.kill("u", std::nullopt, "plain");
    EXPECT_EQ(world.updates("u").back().state(), v1::TASK_LOST);
    world.kill("v", std::nullopt, "nowhere");
    EXPECT_EQ(world.updates("v").back().state(), v1::TASK_LOST);
}

TEST(Ending, KillOfATaskThatEndedChangesNothing) {
    Started world;
    world.master_acknowledges = false;
    world.run_task("t");
    world.exit_task("t", exited(0));
    world.kill("t");
    EXPECT_TRUE(world.signals.empty());
    EXPECT_EQ(world.core->state().streams.begin()->second.latest, v1::TASK_FINISHED);
}

TEST(Ending, MaxCompletionTime) {
    Started world;
    auto task = task_info("t");
    task.mutable_max_completion_time()->set_nanoseconds(Duration{60s}.count());
    world.run(framework_info("f1"), task);
    world.advance(59s);
    EXPECT_TRUE(world.signals.empty());
    world.advance(1s);
    EXPECT_THAT(world.states("t"),
                ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING, v1::TASK_FAILED));
    const Status last = world.updates("t").back();
    EXPECT_EQ(last.reason(), Status::REASON_MAX_COMPLETION_TIME_REACHED);
    EXPECT_EQ(last.source(), Status::SOURCE_EXECUTOR);
    EXPECT_EQ(last.message(), "Command terminated with signal Terminated");
}

TEST(Ending, MaxCompletionTimeGoesOnOverARestart) {
    Started world;
    auto task = task_info("t");
    task.mutable_max_completion_time()->set_nanoseconds(Duration{600s}.count());
    world.run(framework_info("f1"), task);
    world.advance(300s);
    world.crash();
    world.advance(200s);
    world.start();  // Takes a minute.
    world.advance(39s);
    EXPECT_TRUE(world.signals.empty());
    world.advance(1s);
    EXPECT_THAT(world.signal_numbers(), ElementsAre(SIGTERM));
}

TEST(Ending, ShutdownOfABuiltInExecutorEndsItsTask) {
    Started world;
    world.run_task("t");
    link::ToAgent frame;
    frame.mutable_shutdown_executor()->mutable_framework_id()->set_value("f1");
    frame.mutable_shutdown_executor()->mutable_executor_id()->set_value("t");
    world.send(frame);
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
}

}  // namespace
}  // namespace tepui::agent
