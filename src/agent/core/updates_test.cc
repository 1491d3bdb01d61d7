#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core_testing.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using ::testing::ElementsAre;
using testing::exited;
using testing::framework_info;
using testing::task_info;
using testing::World;

struct Started : World {
    Started() { start(); }
};

TEST(Updates, OnlyTheHeadIsInFlight) {
    Started world;
    world.master_acknowledges = false;
    world.run_task("t");
    world.exit_task("t", exited(0));
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING));
    world.acknowledge(world.updates("t").back());
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING));
    world.acknowledge(world.updates("t").back());
    world.acknowledge(world.updates("t").back());
    EXPECT_THAT(world.states("t"),
                ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING, v1::TASK_FINISHED));
    EXPECT_TRUE(world.core->state().streams.empty());
}

TEST(Updates, EachCarriesTheLatestState) {
    Started world;
    world.master_acknowledges = false;
    world.run_task("t");
    world.exit_task("t", exited(1));
    world.advance(10s);
    EXPECT_EQ(world.sent.back().status_update().status().state(), v1::TASK_STARTING);
    EXPECT_EQ(world.sent.back().status_update().latest_state(), v1::TASK_FAILED);
}

TEST(Updates, SentOnlyWhenDurable) {
    Started world;
    world.containers_start = false;
    world.run_task("t");
    world.store_answers = false;
    world.feed(ContainerStarted{world.container_of("t"), 7});
    EXPECT_TRUE(world.updates("t").empty());
    world.write_all();
    EXPECT_EQ(world.updates("t").front().state(), v1::TASK_STARTING);
}

// A crash after the next one was sent would otherwise repeat the older one: TASK_KILLED, then
// TASK_KILLING.
TEST(Updates, TheNextWaitsUntilTheAcknowledgementIsStored) {
    Started world;
    world.master_acknowledges = false;
    world.run_task("t");
    world.exit_task("t", exited(0));
    world.store_answers = false;
    world.acknowledge(world.updates("t").back());
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING));
    world.disconnect();
    world.connect();
    world.advance(2s);
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING)) << "nor after registering again";
    world.write_all();
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING));
    world.acknowledge(world.updates("t").back());
    world.crash();
    world.store_answers = true;
    world.start();
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING, v1::TASK_RUNNING))
        << "the removal was lost: RUNNING is said once more, not what follows it";
    EXPECT_EQ(world.updates("t").back().state(), v1::TASK_RUNNING);
}

TEST(Updates, RepeatedAfterTenSecondsDoublingToTenMinutes) {
    Started world;
    world.master_acknowledges = false;
    world.run_task("t");
    std::vector<Duration> gaps;
    Instant last = world.now.instant;
    std::size_t seen = world.updates("t").size();
    while (gaps.size() < 9) {
        world.advance(1s);
        if (world.updates("t").size() == seen) continue;
        seen = world.updates("t").size();
        gaps.push_back(world.now.instant - last);
        last = world.now.instant;
    }
    EXPECT_THAT(gaps, ElementsAre(10s, 20s, 40s, 80s, 160s, 320s, 600s, 600s, 600s));
    EXPECT_THAT(world.states("t"), ElementsAre(v1::TASK_STARTING)) << "the same update each time";
}

TEST(Updates, AnAcknowledgementMustFit) {
    Started world;
    world.master_acknowledges = false;
    world.run_task("t");
    auto wrong = world.updates("t").back();
    wrong.set_uuid("0123456789abcdef");
    world.acknowledge(wrong);
    EXPECT_EQ(world.states("t").size(), 1U);
    EXPECT_EQ(world.core->state().counters.status_updates_invalid, 1U);
    const auto first = world.updates("t").back();
    world.acknowledge(first);
    world.acknowledge(first);  // A duplicate must not take the next one off.
    EXPECT_EQ(world.core->state().streams.begin()->second.queue.size(), 1U);
    wrong.mutable_task_id()->set_value("nobody's");
    world.acknowledge(wrong);
    EXPECT_EQ(world.core->state().counters.status_updates_invalid, 3U);
}

TEST(Updates, WaitWhileDisconnectedAndAreSentAfterRegistration) {
    Started world;
    world.run_task("t");
    world.disconnect();
    const auto before = world.sent.size();
    world.exit_task("t", exited(0));
    world.advance(1h);
    EXPECT_EQ(world.sent.size(), before);
    world.connect();
    world.advance(1min);
    EXPECT_EQ(world.states("t").back(), v1::TASK_FINISHED);
    EXPECT_TRUE(world.core->state().frameworks.empty());
}

TEST(Updates, UnacknowledgedOnesAreSentAgainByTheNextProcess) {
    Started world;
    world.master_acknowledges = false;
    world.run_task("t");
    const auto first = world.updates("t").back();
    world.crash();
    world.sent.clear();
    world.start();
    ASSERT_FALSE(world.updates("t").empty());
    EXPECT_EQ(world.updates("t").front().SerializeAsString(), first.SerializeAsString());
    world.acknowledge(first);
    EXPECT_EQ(world.updates("t").back().state(), v1::TASK_RUNNING);
}

TEST(Updates, LeaveNothingBehindInTheStore) {
    Started world;
    world.run_task("t");
    world.kill("t");
    for (const auto& [key, value] : world.disk) {
        EXPECT_TRUE(key == "identity" || key.starts_with("sandboxes/")) << key;
    }
}

TEST(Updates, OfFrameworksWithoutCheckpointsAreNotStored) {
    Started world;
    world.master_acknowledges = false;
    world.run(framework_info("f1", false), task_info("t"));
    world.exit_task("t", exited(0));
    for (const auto& [key, value] : world.disk) {
        EXPECT_TRUE(key == "identity" || key.starts_with("sandboxes/")) << key;
    }
    world.master_acknowledges = true;
    world.advance(10s);
    EXPECT_EQ(world.states("t").back(), v1::TASK_FINISHED);
}

}  // namespace
}  // namespace tepui::agent
