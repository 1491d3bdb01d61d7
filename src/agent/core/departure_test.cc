#include "agent/core/departure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "agent/core/core_testing.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using link::ToMaster;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::World;

std::size_t stored(const World& world, const std::string& prefix) {
    return static_cast<std::size_t>(
        std::count_if(world.disk.begin(), world.disk.end(),
                      [&](const auto& entry) { return entry.first.starts_with(prefix); }));
}

TEST(Departure, KillsTellsUnregistersAndForgets) {
    World world;
    world.start();
    world.run_task("t1");
    world.run_task("t2", "f2");
    world.feed(DepartureRequested{});
    for (const char* task : {"t1", "t2"}) {
        EXPECT_EQ(world.states(task).back(), v1::TASK_KILLED);
        EXPECT_THAT(world.last_message(task), HasSubstr("agent is shutting down"));
    }
    ASSERT_TRUE(world.sent.back().has_unregister_agent()) << "the last word, after the updates";
    EXPECT_EQ(world.sent.back().agent_id(), "a1");
    ASSERT_TRUE(world.ended);
    EXPECT_FALSE(world.end_failed);
    EXPECT_FALSE(world.disk.contains("identity"));
    EXPECT_EQ(stored(world, "tasks/") + stored(world, "frameworks/"), 0U);
    EXPECT_EQ(stored(world, "sandboxes/"), 2U) << "they still have to be removed some day";
    world.crash();
    world.sent.clear();
    world.start();
    EXPECT_TRUE(world.sent.front().has_register_agent()) << "a new agent";
}

TEST(Departure, GracesAreCutShort) {
    World world;
    world.start();
    world.ignores_term = true;
    v1::TaskInfo patient = testing::task_info("patient");
    patient.mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(Duration{30s}.count());
    v1::TaskInfo quick = testing::task_info("quick");
    quick.mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(Duration{200ms}.count());
    world.run(testing::framework_info("f1"), patient);
    world.run(testing::framework_info("f1"), quick);
    const ContainerId container = world.container_of("patient");
    world.feed(DepartureRequested{});
    world.advance(200ms);
    EXPECT_EQ(world.states("quick").back(), v1::TASK_KILLED);
    world.advance(799ms);
    EXPECT_TRUE(world.containers.at(container).running);
    world.advance(1ms);
    EXPECT_FALSE(world.containers.at(container).running);
    EXPECT_EQ(world.states("patient").back(), v1::TASK_KILLED);
    EXPECT_TRUE(world.ended);
}

TEST(Departure, AnAskedForKillGetsNoLongerGraceEither) {
    World world;
    world.start();
    world.ignores_term = true;
    world.run_task("t");
    world.kill("t", 1h);
    world.feed(DepartureRequested{});
    world.advance(1s);
    EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
    EXPECT_THAT(world.last_message("t"), StartsWith("Command terminated"));
    EXPECT_TRUE(world.ended);
}

TEST(Departure, WaitsForNoMasterThatIsNotThere) {
    World world;
    world.start();
    world.run_task("t");
    world.disconnect();
    world.feed(DepartureRequested{});
    ASSERT_TRUE(world.ended) << "at the same instant";
    EXPECT_FALSE(world.end_failed);
    EXPECT_EQ(world.count_sent(ToMaster::kUnregisterAgent), 0);
    EXPECT_FALSE(world.disk.contains("identity"));
    EXPECT_EQ(stored(world, "tasks/"), 0U);
}

TEST(Departure, OfAnAgentThatNeverRegistered) {
    World world;
    world.start_offline();
    world.feed(DepartureRequested{});
    ASSERT_TRUE(world.ended);
    EXPECT_FALSE(world.end_failed);
}

TEST(Departure, WaitsALittleForAcknowledgements) {
    World world;
    world.start();
    world.master_acknowledges = false;
    world.run_task("t");
    world.feed(DepartureRequested{});
    world.advance(2s - 1ms);
    EXPECT_EQ(world.count_sent(ToMaster::kUnregisterAgent), 0);
    world.advance(1ms);
    EXPECT_EQ(world.count_sent(ToMaster::kUnregisterAgent), 1);
    ASSERT_TRUE(world.ended);
    EXPECT_FALSE(world.end_failed);
    EXPECT_EQ(stored(world, "tasks/"), 0U);
}

TEST(Departure, WaitsALittleForTheMastersAnswer) {
    World world;
    world.start();
    world.master_registers = false;
    world.feed(DepartureRequested{});
    EXPECT_EQ(world.count_sent(ToMaster::kUnregisterAgent), 1);
    world.advance(2s - 1ms);
    EXPECT_FALSE(world.ended);
    EXPECT_TRUE(world.disk.contains("identity")) << "until the master has removed it";
    world.advance(1ms);
    ASSERT_TRUE(world.ended);
    EXPECT_FALSE(world.end_failed);
    EXPECT_EQ(world.count_sent(ToMaster::kUnregisterAgent), 1);
}

TEST(Departure, AMasterThatGoesMeanwhileIsNotWaitedFor) {
    World world;
    world.start();
    world.master_registers = false;
    world.feed(DepartureRequested{});
    world.disconnect();
    EXPECT_TRUE(world.ended);
    EXPECT_FALSE(world.disk.contains("identity"));
}

TEST(Departure, LaunchesNothingAnyMore) {
    World world;
    world.start();
    world.ignores_term = true;
    world.run_task("t1");
    world.feed(DepartureRequested{});
    world.run_task("t2");
    world.advance(10s);
    EXPECT_EQ(world.launches(), 1);
    EXPECT_TRUE(world.updates("t2").empty()) << "the master tells it as lost";
    EXPECT_TRUE(world.ended);
}

TEST(Departure, EndsWhatIsBeingLaunched) {
    World world;
    world.start();
    world.containers_start = false;
    world.run_task("t");
    const ContainerId container = world.container_of("t");
    world.feed(DepartureRequested{});
    EXPECT_THAT(world.destroyed, ::testing::ElementsAre(container));
    EXPECT_FALSE(world.ended);
    world.feed(ContainerLaunchFailed{container, Error{Errc::cancelled, "destroyed"}});
    EXPECT_EQ(world.states("t"), std::vector{v1::TASK_KILLED});
    EXPECT_EQ(world.updates("t").back().reason(), v1::TaskStatus::REASON_TASK_KILLED_DURING_LAUNCH);
    EXPECT_THAT(world.last_message("t"), HasSubstr("agent is shutting down"));
    EXPECT_TRUE(world.ended);
}

TEST(Departure, IsAskedForOnce) {
    World world;
    world.start();
    world.ignores_term = true;
    world.run_task("t");
    world.feed(DepartureRequested{});
    world.feed(DepartureRequested{});
    EXPECT_EQ(world.signals.size(), 1U);
    world.advance(1s);
    world.feed(DepartureRequested{});
    EXPECT_EQ(world.count_sent(ToMaster::kUnregisterAgent), 1);
}

TEST(Departure, AMastersShutdownMeanwhileEndsItToo) {
    World world;
    world.start();
    world.ignores_term = true;
    world.run_task("t");
    world.feed(DepartureRequested{});
    link::ToAgent frame;
    frame.mutable_shutdown_agent()->set_message("marked gone");
    world.send(frame);
    EXPECT_EQ(world.ended, "marked gone");
    EXPECT_FALSE(world.end_failed) << "it was to end anyway";
    EXPECT_EQ(world.count_sent(ToMaster::kUnregisterAgent), 0);
}

// Killed before any effect of its departure, the agent comes back as itself or as a new one, never
// with a half of what it was.
TEST(Departure, SurvivesACrashAnywhere) {
    int crashes = 0;
    for (;; ++crashes) {
        SCOPED_TRACE(crashes);
        World world;
        world.start();
        world.run_task("t");
        world.crash_before_effect = crashes;
        world.feed(DepartureRequested{});
        world.advance(10s);
        if (world.alive()) break;
        const auto before = world.states("t");
        world.sent.clear();
        world.start();
        world.advance(1min);
        ASSERT_TRUE(world.alive());
        EXPECT_FALSE(world.ended);
        EXPECT_EQ(world.launches(), 1);
        EXPECT_FALSE(world.logged("left out")) << "a task without its agent was stored";
        if (world.sent.front().has_register_agent()) {
            EXPECT_EQ(before.back(), v1::TASK_KILLED);
        } else if (!world.states("t").empty()) {
            EXPECT_EQ(world.states("t").back(), v1::TASK_KILLED);
        }
    }
    EXPECT_GT(crashes, 6);
}

}  // namespace
}  // namespace tepui::agent
