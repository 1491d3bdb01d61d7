#include "agent/core/executors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "agent/core/executors_testing.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::ElementsAre;
using testing::executor_info;
using testing::executor_task;
using testing::exited;
using testing::framework_info;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::World;
using Started = testing::ExecutorWorld;
using Event = v1::executor::Event;
using Status = v1::TaskStatus;

TEST(Executors, TheFirstTaskLaunchesItAndIsHandedOver) {
    Started world;
    world.run_on("t");
    ASSERT_THAT(world.executor_launches, SizeIs(1));
    const LaunchExecutor& launch = world.executor_launches.front();
    EXPECT_EQ(launch.user, "nobody");
    EXPECT_EQ(launch.sandbox,
              "/work/slaves/a1/frameworks/f1/executors/e/runs/" + launch.container.value);
    EXPECT_EQ(launch.executor.framework_id().value(), "f1");
    EXPECT_EQ(launch.limits, (ContainerLimits{1.0, std::nullopt, 64.0, 64.0}))
        << "executor and task";
    EXPECT_THAT(world.updates("t"), IsEmpty()) << "it waits for its executor";

    const auto stream = world.subscribe();
    ASSERT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED, Event::LAUNCH));
    const Event& subscribed = world.streams.at(stream)[0];
    EXPECT_EQ(subscribed.subscribed().executor_info().ShortDebugString(),
              launch.executor.ShortDebugString());
    EXPECT_EQ(subscribed.subscribed().framework_info().id().value(), "f1");
    EXPECT_EQ(subscribed.subscribed().agent_info().id().value(), "a1");
    EXPECT_EQ(subscribed.subscribed().container_id().value(), launch.container.value);
    EXPECT_EQ(world.streams.at(stream)[1].launch().task().ShortDebugString(),
              executor_task("t").ShortDebugString());
}

TEST(Executors, TheTaskIsStoredBeforeAnythingIsLaunched) {
    Started world;
    world.store_answers = false;
    world.run_on("t");
    EXPECT_EQ(world.launches(), 0);
    world.write_all();
    EXPECT_EQ(world.launches(), 1);
}

TEST(Executors, ASecondTaskWaitsForItsResources) {
    Started world;
    world.run_on("t");
    const auto stream = world.subscribe();
    world.containers_update = false;
    world.run_on("u");
    EXPECT_EQ(world.launches(), 1) << "one executor";
    EXPECT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED, Event::LAUNCH));
    const UpdateContainer update = world.container_updates.back();
    EXPECT_EQ(update.limits, (ContainerLimits{2.0, std::nullopt, 64.0, 64.0}));
    world.feed(ContainerUpdated{update.container, update.sequence - 1, std::nullopt});
    EXPECT_THAT(world.heard(stream), SizeIs(2)) << "that was an older one";
    world.feed(ContainerUpdated{update.container, update.sequence, std::nullopt});
    EXPECT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED, Event::LAUNCH, Event::LAUNCH));
}

TEST(Executors, LimitsOfTasksCountInsteadOfRequests) {
    Started world;
    v1::TaskInfo task = executor_task("t");
    (*task.mutable_limits())["cpus"].set_value(3);
    (*task.mutable_limits())["mem"].set_value(std::numeric_limits<double>::infinity());
    world.run(framework_info("f1"), task);
    constexpr double unlimited = std::numeric_limits<double>::infinity();
    EXPECT_EQ(world.executor_launches.front().limits, (ContainerLimits{1.0, 3.0, unlimited, 64.0}));
}

TEST(Executors, AGroupIsHandedOverTogether) {
    Started world;
    world.run_group({"t", "u"});
    const auto stream = world.subscribe();
    ASSERT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED, Event::LAUNCH_GROUP));
    EXPECT_EQ(world.streams.at(stream)[1].launch_group().task_group().tasks_size(), 2);
}

TEST(Executors, AnUpdateIsAcknowledgedWhenItIsDurable) {
    Started world;
    world.run_on("t");
    const auto stream = world.subscribe();
    world.store_answers = false;
    world.update("t", v1::TASK_RUNNING, "u1");
    EXPECT_THAT(world.heard(stream), SizeIs(2));
    EXPECT_THAT(world.updates("t"), IsEmpty());
    world.update("t", v1::TASK_RUNNING, "u1");  // Repeated meanwhile.
    world.write_all();
    ASSERT_THAT(world.heard(stream),
                ElementsAre(Event::SUBSCRIBED, Event::LAUNCH, Event::ACKNOWLEDGED));
    EXPECT_EQ(world.streams.at(stream)[2].acknowledged().uuid(), "u10123456789abcd");
    ASSERT_THAT(world.updates("t"), SizeIs(1));
    const Status told = world.updates("t").front();
    EXPECT_EQ(told.source(), Status::SOURCE_EXECUTOR);
    EXPECT_EQ(told.agent_id().value(), "a1");
    EXPECT_TRUE(told.has_timestamp());
    EXPECT_EQ(told.uuid(), "u10123456789abcd");
    EXPECT_EQ(told.container_status().container_id().value(), world.executor().container.value);
    EXPECT_EQ(told.container_status().executor_pid(), 100U);
    EXPECT_EQ(told.container_status().network_infos(0).ip_addresses(0).ip_address(), "127.0.0.1");
}

TEST(Executors, ARepeatedUpdateIsAcknowledgedAgainAndToldOnce) {
    Started world;
    world.run_on("t");
    const auto stream = world.subscribe();
    world.update("t", v1::TASK_RUNNING, "u1");
    world.update("t", v1::TASK_RUNNING, "u1");
    EXPECT_THAT(world.updates("t"), SizeIs(1));
    EXPECT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED, Event::LAUNCH,
                                                 Event::ACKNOWLEDGED, Event::ACKNOWLEDGED));
    world.update("gone", v1::TASK_RUNNING, "u2");
    EXPECT_THAT(world.updates("gone"), IsEmpty()) << "no such task";
    EXPECT_THAT(world.heard(stream), SizeIs(5)) << "but it may stop repeating it";
}

TEST(Executors, AFinishedTaskGivesItsResourcesBack) {
    Started world;
    world.run_on("t");
    world.run_on("u");
    world.subscribe();
    world.update("t", v1::TASK_FINISHED, "u1");
    EXPECT_EQ(world.container_updates.back().limits,
              (ContainerLimits{1.0, std::nullopt, 64.0, 64.0}));
    EXPECT_EQ(world.states("t").back(), v1::TASK_FINISHED);
    EXPECT_THAT(world.executor().completed, SizeIs(1));
    EXPECT_EQ(world.core->state().counters.tasks_finished, 1U);
    world.update("t", v1::TASK_RUNNING, "u2");
    EXPECT_EQ(world.states("t").back(), v1::TASK_FINISHED) << "it is over";
}

TEST(Executors, StagingIsNoWordOfAnExecutor) {
    Started world;
    world.run_on("t");
    const auto stream = world.subscribe();
    world.update("t", v1::TASK_STAGING, "u1");
    EXPECT_EQ(world.heard(stream).back(), Event::SHUTDOWN);
    EXPECT_THAT(world.updates("t"), IsEmpty());
}

TEST(Executors, AKillIsToldToTheExecutor) {
    Started world;
    world.run_on("t");
    const auto stream = world.subscribe();
    world.kill("t");
    ASSERT_EQ(world.heard(stream).back(), Event::KILL);
    EXPECT_FALSE(world.streams.at(stream).back().kill().has_kill_policy());
    world.kill("t", 7s);
    EXPECT_EQ(world.streams.at(stream).back().kill().kill_policy().grace_period().nanoseconds(),
              7'000'000'000);
    world.update("t", v1::TASK_KILLED, "u1");
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_KILLED));
    EXPECT_TRUE(world.has_executor()) << "it was used: it stays";
}

TEST(Executors, AKillBeforeTheHandOverEndsATaskAndAnUnusedExecutor) {
    Started world;
    world.run_on("t");
    world.kill("t");
    EXPECT_EQ(world.updates("t").back().state(), v1::TASK_KILLED);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_TASK_KILLED_DURING_LAUNCH);
    EXPECT_EQ(world.updates("t").back().executor_id().value(), "e");
    EXPECT_THAT(world.destroyed, SizeIs(1)) << "it never subscribed: nobody to ask";
    EXPECT_FALSE(world.has_executor());
    EXPECT_THAT(world.exits(), ElementsAre(SIGKILL));
}

TEST(Executors, AKillBeforeTheLaunchLaunchesNothing) {
    Started world;
    world.store_answers = false;
    world.run_on("t");
    world.kill("t");
    world.write_all();
    world.store_answers = true;
    EXPECT_EQ(world.launches(), 0);
    EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_TASK_KILLED_DURING_LAUNCH);
    EXPECT_THAT(world.exits(), ElementsAre(-1)) << "the master charges for it until then";
    world.acknowledge(world.updates("t").back());
    EXPECT_TRUE(world.core->state().frameworks.empty());
}

TEST(Executors, AKillTakesTheWholeQueuedGroup) {
    Started world;
    world.run_on("first");
    world.run_group({"t", "u"});
    world.kill("u");
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
    EXPECT_EQ(world.states("u").back(), v1::TASK_KILLED);
    const auto stream = world.subscribe();
    EXPECT_THAT(world.heard(stream), ElementsAre(Event::SUBSCRIBED, Event::LAUNCH))
        << "of the first task";
}

TEST(Executors, MessagesGoBothWays) {
    Started world;
    world.run_on("t");
    world.message("early");
    const auto stream = world.subscribe();
    world.message("hello");
    ASSERT_EQ(world.heard(stream).back(), Event::MESSAGE);
    EXPECT_THAT(world.heard(stream), SizeIs(3)) << "the early one was dropped";
    EXPECT_EQ(world.streams.at(stream).back().message().data(), "hello");
    world.message("nobody", "other");
    EXPECT_TRUE(world.logged("no executor other listens"));

    ExecutorCalled call{World::executor_call()};
    call.call.set_type(v1::executor::Call::MESSAGE);
    call.call.mutable_message()->set_data("back");
    world.feed(call);
    ASSERT_TRUE(world.sent.back().has_executor_message());
    EXPECT_EQ(world.sent.back().executor_message().data(), "back");
    EXPECT_EQ(world.sent.back().executor_message().executor_id().value(), "e");
    world.disconnect();
    const auto before = world.sent.size();
    world.feed(call);
    EXPECT_EQ(world.sent.size(), before) << "best effort";
    const Counters& counters = world.core->state().counters;
    EXPECT_EQ(counters.messages_valid, 2U);
    EXPECT_EQ(counters.messages_invalid, 3U);  // Early, to nobody, without a master.

    call.call.mutable_message()->set_data(std::string((16U << 20) + 1, 'x'));
    const auto checked = world.check(call.call);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Errc::too_large);
    EXPECT_THAT(checked.error().text, HasSubstr("--max_message_bytes allows 16MB"));
}

TEST(Executors, LiveOnesAreListedAtRegistration) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.update("t", v1::TASK_FINISHED, "u1");
    world.disconnect();
    world.connect();
    world.advance(1min);
    const auto& frame = world.sent.back().reregister_agent();
    ASSERT_EQ(frame.executors_size(), 1) << "alive without any task";
    EXPECT_EQ(frame.executors(0).executor_id().value(), "e");
    EXPECT_EQ(frame.executors(0).framework_id().value(), "f1");
    EXPECT_EQ(frame.frameworks_size(), 1);
}

TEST(Executors, TheirTasksNameThem) {
    Started world;
    world.run_on("t");
    world.subscribe();
    world.disconnect();
    world.connect();
    world.advance(1min);
    ASSERT_EQ(world.sent.back().reregister_agent().tasks_size(), 1);
    EXPECT_EQ(world.sent.back().reregister_agent().tasks(0).executor_id().value(), "e");
}

TEST(Executors, AHeartbeatComesEachHalfHour) {
    Started world;
    world.run_on("t");
    const auto stream = world.subscribe();
    world.advance(29min);
    EXPECT_THAT(world.heard(stream), SizeIs(2));
    world.advance(1min);
    EXPECT_EQ(world.heard(stream).back(), Event::HEARTBEAT);
    world.advance(30min);
    EXPECT_THAT(world.heard(stream), SizeIs(4));
}

TEST(Executors, WhatCannotBeTakenIsRefused) {
    struct Row {
        const char* name;
        std::function<void(v1::TaskInfo&)> spoil;
        const char* message;
    };
    const Row rows[] = {
        {"no command", [](auto& task) { task.mutable_executor()->clear_command(); },
         "A custom executor needs a 'command'"},
        {"default executor",
         [](auto& task) { task.mutable_executor()->set_type(v1::ExecutorInfo::DEFAULT); },
         "use LAUNCH_GROUP"},
        {"a path as id",
         [](auto& task) { task.mutable_executor()->mutable_executor_id()->set_value("../x"); },
         "valid file names"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Started world;
        v1::TaskInfo task = executor_task("t");
        row.spoil(task);
        world.run(framework_info("f1"), task);
        ASSERT_THAT(world.updates("t"), SizeIs(1));
        EXPECT_EQ(world.updates("t").back().state(), v1::TASK_ERROR);
        EXPECT_EQ(world.updates("t").back().reason(), Status::REASON_TASK_INVALID);
        EXPECT_THAT(world.last_message("t"), HasSubstr(row.message));
        EXPECT_THAT(world.exits(), ElementsAre(-1));
        EXPECT_EQ(world.launches(), 0);
    }
}

TEST(Executors, CallsAreCheckedBeforeTheyAreTaken) {
    Started world;
    world.run_on("t");
    v1::executor::Call call = World::executor_call();
    call.set_type(v1::executor::Call::UPDATE);
    *call.mutable_update()->mutable_status() =
        testing::executor_status("t", v1::TASK_RUNNING, "u1");
    const auto refused = world.check(call);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied) << "it has not subscribed";
    world.subscribe();
    EXPECT_TRUE(world.check(call));

    struct Row {
        const char* name;
        std::function<void(v1::executor::Call&)> spoil;
    };
    const auto status = [](auto& call) -> Status& {
        return *call.mutable_update()->mutable_status();
    };
    const Row rows[] = {
        {"framework", [](auto& x) { x.mutable_framework_id()->set_value("other"); }},
        {"executor", [](auto& x) { x.mutable_executor_id()->set_value("other"); }},
        {"no uuid", [&](auto& x) { status(x).clear_uuid(); }},
        {"short uuid", [&](auto& x) { status(x).set_uuid("abc"); }},
        {"source", [&](auto& x) { status(x).set_source(Status::SOURCE_AGENT); }},
        {"another agent", [&](auto& x) { status(x).mutable_agent_id()->set_value("a2"); }},
        {"another's name", [&](auto& x) { status(x).mutable_executor_id()->set_value("e2"); }},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        v1::executor::Call bad = call;
        row.spoil(bad);
        const auto checked = world.check(bad);
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().code, Errc::invalid_argument);
    }
}

TEST(Executors, WithoutCheckpointsNothingWaitsForTheDisk) {
    Started world;
    world.run_on("t", "e", false);
    const auto stream = world.subscribe();
    world.store_answers = false;
    world.update("t", v1::TASK_RUNNING, "u1");
    EXPECT_EQ(world.heard(stream).back(), Event::ACKNOWLEDGED);
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_RUNNING));
}

TEST(Executors, CompletedOnesAreBounded) {
    Started world;
    world.config.max_completed_executors_per_framework = 2;
    world.config.max_completed_tasks_per_executor = 3;
    world.crash();
    world.start();
    world.run_on("keeps the framework", "keeper");
    for (int i = 0; i < 3; ++i) {
        const std::string id = "e" + std::to_string(i);
        world.run_on(id, id);
        world.subscribe({}, id);
        for (int j = 0; j < 4; ++j) {
            const std::string task = id + "-" + std::to_string(j);
            world.run_on(task, id);
            world.update(task, v1::TASK_FINISHED, task, id);
        }
        EXPECT_THAT(world.executor(id).completed, SizeIs(3));
        world.exit_container(world.executor(id).container, exited(0));
    }
    const Framework& framework = world.core->state().frameworks.at(FrameworkId{"f1"});
    ASSERT_THAT(framework.completed_executors, SizeIs(2));
    EXPECT_EQ(framework.completed_executors.front().info.executor_id().value(), "e1");
}

}  // namespace
}  // namespace tepui::agent
