#include "cli/view/event_story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/view/cluster_testing.h"

namespace tepui::cli {
namespace {

using namespace testing_cluster;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts(const std::vector<EventLine>& lines) {
    std::vector<std::string> list;
    for (const EventLine& line : lines) list.push_back(line.kind + ": " + line.text);
    return list;
}

TEST(EventStory, TellsNamesInsteadOfIds) {
    EventStory story({}, false);
    EXPECT_THAT(story.feed(snapshot({make_task("a", mesos::v1::TASK_RUNNING)}), 1), IsEmpty());
    EXPECT_THAT(texts(story.feed(task_added(make_task("b", mesos::v1::TASK_STAGING)), 2)),
                ElementsAre("task: b of web is STAGING on box"));
    const auto lines =
        story.feed(task_updated("b", mesos::v1::TASK_FAILED, 1234, "exited with 3"), 3);
    EXPECT_THAT(texts(lines), ElementsAre("task: b of web is FAILED on box: exited with 3"));
    EXPECT_EQ(lines[0].time, 1234);
    EXPECT_EQ(lines[0].tone, Table::Tone::bad);
    auto away = make_framework("F", "web", "dev");
    away.set_connected(false);
    EXPECT_THAT(texts(story.feed(framework_updated(away), 4)),
                ElementsAre("framework: web is DISCONNECTED, roles dev (F)"));
    EXPECT_THAT(story.feed(framework_updated(away), 4), IsEmpty());
    EXPECT_THAT(texts(story.feed(agent_removed("S1"), 5)), ElementsAre("agent: box left (S1)"));
    Event heartbeat;
    heartbeat.set_type(Event::HEARTBEAT);
    EXPECT_THAT(story.feed(heartbeat, 6), IsEmpty());
    EXPECT_FALSE(story.wants(heartbeat));
}

TEST(EventStory, ReasonAndHealthAreTold) {
    EventStory story({}, false);
    story.feed(snapshot({make_task("a", mesos::v1::TASK_RUNNING)}), 1);
    Event event = task_updated("a", mesos::v1::TASK_RUNNING, 10);
    auto* status = event.mutable_task_updated()->mutable_status();
    status->set_healthy(false);
    status->set_reason(mesos::v1::TaskStatus::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
    EXPECT_THAT(
        texts(story.feed(event, 2)),
        ElementsAre(
            "task: a of web is RUNNING on box, unhealthy, TASK_HEALTH_CHECK_STATUS_UPDATED"));
}

TEST(EventStory, FirstSnapshotIsToldWhenAskedFor) {
    EventStory story({}, true);
    EXPECT_THAT(
        texts(story.feed(snapshot({make_task("a", mesos::v1::TASK_RUNNING),
                                   make_task("old", mesos::v1::TASK_FINISHED)}),
                         1)),
        ElementsAre("agent: box joined with cpus 4, mem 2GB (S1)",
                    "framework: web is ACTIVE, roles dev (F)", "task: a of web is RUNNING on box"));
}

TEST(EventStory, LaterSnapshotIsToldAsWhatChanged) {
    EventStory story({}, false);
    story.feed(
        snapshot({make_task("a", mesos::v1::TASK_RUNNING), make_task("b", mesos::v1::TASK_RUNNING),
                  make_task("old", mesos::v1::TASK_FINISHED)}),
        1);
    story.feed(task_updated("b", mesos::v1::TASK_FINISHED, 2), 2);
    Event later = snapshot(
        {make_task("a", mesos::v1::TASK_FAILED, 55), make_task("b", mesos::v1::TASK_FINISHED),
         make_task("old", mesos::v1::TASK_FINISHED), make_task("c", mesos::v1::TASK_RUNNING)});
    auto* agents = later.mutable_subscribed()->mutable_get_state()->mutable_get_agents();
    *agents->mutable_agents(0) = make_agent("S2", "other");
    EXPECT_THAT(texts(story.feed(later, 60)),
                ElementsAre("agent: box left (S1)", "agent: other joined with cpus 4, mem 2GB (S2)",
                            "task: c of web is RUNNING on S1", "task: a of web is FAILED on S1"));
    EXPECT_THAT(story.feed(later, 61), IsEmpty());
}

TEST(EventStory, Filters) {
    const auto told = [](EventFilter filter) {
        EventStory story(std::move(filter), false);
        story.feed(snapshot({}), 1);
        std::size_t lines = 0;
        lines += story.feed(task_added(make_task("a", mesos::v1::TASK_RUNNING)), 2).size();
        lines += story.feed(task_updated("a", mesos::v1::TASK_FINISHED, 3), 3).size();
        auto away = make_framework("F", "web", "dev");
        away.set_active(false);
        lines += story.feed(framework_updated(away), 4).size();
        lines += story.feed(agent_removed("S1"), 5).size();
        return lines;
    };
    EXPECT_EQ(told({}), 4U);
    EXPECT_EQ(told({.framework = "F"}), 3U);
    EXPECT_EQ(told({.framework = "G"}), 0U);
    EXPECT_EQ(told({.agent = "S1"}), 3U);
    EXPECT_EQ(told({.agent = "S2"}), 0U);
    EXPECT_EQ(told({.role = "dev"}), 3U);
    EXPECT_EQ(told({.role = "de"}), 0U);
    EXPECT_EQ(told({.kinds = {"task"}}), 2U);
    EXPECT_EQ(told({.kinds = {"task_updated"}}), 1U);
    EXPECT_EQ(told({.kinds = {"agent", "framework_updated"}}), 2U);
}

}  // namespace
}  // namespace tepui::cli
