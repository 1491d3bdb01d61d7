#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core_testing.h"

namespace tepui::agent {
namespace {

using link::ToMaster;
using testing::World;

TEST(Registration, FirstRegistersThenIsKnownByItsId) {
    World world;
    world.start();
    ASSERT_TRUE(world.sent.front().has_register_agent());
    EXPECT_EQ(world.sent.front().agent_id(), "");
    EXPECT_EQ(world.sent.front().register_agent().agent().hostname(), "host");
    EXPECT_EQ(world.core->state().id, AgentId{"a1"});
    EXPECT_TRUE(world.disk.contains("identity"));
}

TEST(Registration, ComesAgainWithItsIdAfterARestart) {
    World world;
    world.start();
    world.crash();
    world.sent.clear();
    world.start();
    ASSERT_TRUE(world.sent.front().has_reregister_agent());
    EXPECT_EQ(world.sent.front().agent_id(), "a1");
    EXPECT_EQ(world.sent.front().reregister_agent().agent().id().value(), "a1");
    EXPECT_TRUE(world.sent.front().reregister_agent().restarted());
    world.disconnect();
    world.sent.clear();
    world.connect();
    world.advance(1min);
    EXPECT_FALSE(world.sent.front().reregister_agent().restarted()) << "the process went on";
}

TEST(Registration, DelaysGrowToAMinuteAndAreRandom) {
    World world;
    world.master_registers = false;
    world.start_offline();
    world.connect();
    std::vector<Instant> times;
    std::size_t seen = 0;
    const Instant begun = world.now.instant;
    while (times.size() < 40) {
        world.advance(10ms);
        for (; seen < world.sent.size(); ++seen) times.push_back(world.now.instant);
        ASSERT_LT(world.now.instant - begun, 2h);
    }
    EXPECT_LE(times[0] - begun, 1s + 10ms);
    Duration longest{};
    for (std::size_t i = 1; i < times.size(); ++i) {
        const Duration bound = std::min<Duration>(1s * (1U << std::min<std::size_t>(i, 10)), 1min);
        EXPECT_LE(times[i] - times[i - 1], bound + 10ms) << i;
        longest = std::max(longest, times[i] - times[i - 1]);
    }
    EXPECT_GT(longest, 30s) << "the back-off never grew";
    World other(99);
    other.master_registers = false;
    other.start_offline();
    other.connect();
    EXPECT_NE(other.core->next_deadline(), times[0]);
}

TEST(Registration, RefusesAnOlderMaster) {
    World world;
    world.master_epoch = 7;
    world.start();
    world.disconnect();
    world.master_epoch = 6;
    world.connect();
    world.advance(1min);
    EXPECT_EQ(world.reconnects, 1);
    EXPECT_NE(world.core->state().registration.phase, RegistrationPhase::registered);
    world.run_task("t");
    EXPECT_EQ(world.launches(), 0) << "a deposed master launched a task";
    world.disconnect();
    world.master_epoch = 8;
    world.connect();
    world.advance(1min);
    EXPECT_EQ(world.core->state().registration.phase, RegistrationPhase::registered);
}

TEST(Registration, RemembersTheEpochOverARestart) {
    World world;
    world.master_epoch = 7;
    world.start();
    world.crash();
    world.master_epoch = 6;
    world.start();
    EXPECT_EQ(world.reconnects, 1);
}

TEST(Registration, IgnoresOrdersBeforeItIsRegistered) {
    World world;
    world.master_registers = false;
    world.start();
    world.run_task("t");
    EXPECT_EQ(world.launches(), 0);
    EXPECT_TRUE(world.logged("did not register us"));
}

TEST(Registration, LooksForTheLeaderWhenPingsStop) {
    World world;
    world.ping_timeout_seconds = 75;
    world.start();
    for (int i = 0; i < 20; ++i) {
        world.advance(15s);
        world.ping();
    }
    EXPECT_EQ(world.reconnects, 0);
    EXPECT_EQ(world.count_sent(ToMaster::kPong), 20);
    world.advance(74s);
    EXPECT_EQ(world.reconnects, 0);
    world.advance(1s);
    EXPECT_EQ(world.reconnects, 1);
    world.advance(10min);
    EXPECT_EQ(world.reconnects, 1) << "asked for once";
}

TEST(Registration, RegistersAgainWhenThePingSaysDisconnected) {
    World world;
    world.start();
    EXPECT_EQ(world.count_sent(ToMaster::kReregisterAgent), 0);
    world.ping(false);
    world.advance(1s);
    EXPECT_EQ(world.count_sent(ToMaster::kReregisterAgent), 1);
    EXPECT_EQ(world.core->state().registration.phase, RegistrationPhase::registered);
}

TEST(Registration, EndsWhenTheMasterCallsItByAnotherName) {
    World world;
    world.start();
    link::ToAgent frame;
    frame.mutable_agent_registered()->mutable_agent_id()->set_value("other");
    frame.mutable_agent_registered()->set_epoch(1);
    frame.mutable_agent_registered()->set_ping_timeout_seconds(1);
    frame.mutable_agent_registered()->set_master_id("m");
    world.send(frame);
    ASSERT_TRUE(world.ended);
    EXPECT_THAT(*world.ended, ::testing::HasSubstr("other"));
}

TEST(Registration, TellsItsTasksAndFrameworks) {
    World world;
    world.start();
    world.run_task("t");
    world.disconnect();
    world.sent.clear();
    world.connect();
    world.advance(1min);
    const auto& message = world.sent.front().reregister_agent();
    ASSERT_EQ(message.tasks_size(), 1);
    EXPECT_EQ(message.tasks(0).state(), mesos::v1::TASK_RUNNING);
    EXPECT_EQ(message.tasks(0).status_update_state(), mesos::v1::TASK_RUNNING);
    EXPECT_EQ(message.tasks(0).status_update_uuid().size(), 16U);
    ASSERT_EQ(message.frameworks_size(), 1);
    EXPECT_EQ(message.frameworks(0).id().value(), "f1");
}

// Else a new master would tell TASK_FINISHED by reconciliation, and after it be sent TASK_STARTING.
TEST(Registration, TellsNoStateAsForwardedThatWaitsForItsTurn) {
    World world;
    world.start();
    world.containers_start = false;
    world.run_task("t");
    world.disconnect();
    world.feed(ContainerStarted{world.container_of("t"), 7});
    world.exit_task("t", testing::exited(0));
    world.master_registers = false;
    world.connect();
    world.advance(2s);
    const auto& list = world.sent.back().reregister_agent();
    ASSERT_EQ(list.tasks_size(), 1);
    EXPECT_EQ(list.tasks(0).state(), mesos::v1::TASK_FINISHED);
    EXPECT_EQ(list.tasks(0).status_update_state(), mesos::v1::TASK_STAGING);
}

TEST(Registration, ShutsDownFrameworksThatEndedMeanwhile) {
    World world;
    world.start();
    world.run_task("t");
    const ContainerId container = world.container_of("t");
    world.disconnect();
    world.completed_frameworks = {"f1"};
    world.connect();
    world.advance(1min);
    EXPECT_FALSE(world.containers.at(container).running);
    EXPECT_TRUE(world.core->state().frameworks.empty());
}

TEST(Registration, RefusesAChangedMachineUntilItBootsAgain) {
    World world;
    world.start();
    world.run_task("t");
    const ContainerId container = world.container_of("t");
    world.crash();
    world.config.info.set_hostname("elsewhere");
    world.start();
    ASSERT_TRUE(world.ended);
    EXPECT_THAT(*world.ended, ::testing::HasSubstr("hostname"));
    EXPECT_TRUE(world.containers.at(container).running) << "left for the next start";
    world.crash();
    world.ended.reset();
    world.sent.clear();
    world.machine_booted = true;
    world.start();
    EXPECT_FALSE(world.ended);
    EXPECT_TRUE(world.sent.front().has_register_agent()) << "a new agent";
}

TEST(Registration, ShutdownEndsContainersThenTheAgentAndItsIdentity) {
    World world;
    world.start();
    world.run_task("t");
    const ContainerId container = world.container_of("t");
    world.ignores_term = true;
    link::ToAgent frame;
    frame.mutable_shutdown_agent()->set_message("marked gone");
    world.send(frame);
    EXPECT_EQ(world.ended, "marked gone");
    EXPECT_FALSE(world.containers.at(container).running);
    EXPECT_FALSE(world.disk.contains("identity"));
    EXPECT_EQ(world.updates("t").size(), 2U) << "nobody is told of tasks any more";
    world.crash();
    world.sent.clear();
    world.start();
    EXPECT_TRUE(world.sent.front().has_register_agent());
}

TEST(Registration, SameSeedSameRun) {
    const auto play = [](std::uint64_t seed) {
        World world(seed);
        world.start();
        world.run_task("t");
        world.kill("t");
        std::string all;
        for (const auto& frame : world.sent) all += frame.SerializeAsString();
        return all;
    };
    EXPECT_EQ(play(5), play(5));
    EXPECT_NE(play(5), play(6));
}

}  // namespace
}  // namespace tepui::agent
