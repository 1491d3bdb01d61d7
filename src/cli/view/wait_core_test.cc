#include "cli/view/wait_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/view/cluster_testing.h"

namespace tepui::cli {
namespace {

using namespace testing_cluster;
using testing::HasSubstr;
using Verdict = WaitCore::Verdict;

TEST(WaitGoal, NamesTheStatesThereAre) {
    EXPECT_TRUE(check_goal({"task", "x", "running"}));
    EXPECT_TRUE(check_goal({"task", "x", "ended"}));
    EXPECT_TRUE(check_goal({"agent", "x", "removed"}));
    EXPECT_THAT(check_goal({"task", "x", "removed"}).error().text, HasSubstr("running, killing"));
    EXPECT_THAT(check_goal({"offer", "x", "active"}).error().text, HasSubstr("no kind 'offer'"));
}

TEST(WaitCore, TaskReachesItsState) {
    WaitCore core({"task", "a", "running"});
    EXPECT_EQ(core.feed(snapshot({make_task("a-1", mesos::v1::TASK_STAGING)})), Verdict::waiting);
    EXPECT_EQ(core.id(), "a-1");
    EXPECT_EQ(core.seen(), "STAGING");
    EXPECT_EQ(core.feed(task_updated("b", mesos::v1::TASK_RUNNING, 1)), Verdict::waiting);
    EXPECT_EQ(core.feed(task_updated("a-1", mesos::v1::TASK_STARTING, 1)), Verdict::waiting);
    EXPECT_EQ(core.feed(task_updated("a-1", mesos::v1::TASK_RUNNING, 1)), Verdict::reached);
}

TEST(WaitCore, TaskOfAnotherFrameworkDoesNotCount) {
    WaitCore core({"task", "a", "running"});
    EXPECT_EQ(core.feed(snapshot({make_task("a", mesos::v1::TASK_STAGING)})), Verdict::waiting);
    Event other = task_updated("a", mesos::v1::TASK_RUNNING, 1);
    other.mutable_task_updated()->mutable_framework_id()->set_value("G");
    EXPECT_EQ(core.feed(other), Verdict::waiting);
}

TEST(WaitCore, EndsAsSoonAsTheStateCannotCome) {
    WaitCore core({"task", "a", "finished"});
    EXPECT_EQ(core.feed(snapshot({make_task("a", mesos::v1::TASK_RUNNING)})), Verdict::waiting);
    const auto verdict = core.feed(task_updated("a", mesos::v1::TASK_FAILED, 1, "exit 3"));
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().code, Errc::unavailable);
    EXPECT_THAT(verdict.error().text, HasSubstr("FAILED and will not be finished: exit 3"));
}

TEST(WaitCore, WhatHasBeenCounts) {
    auto task = make_task("a", mesos::v1::TASK_FINISHED, 2);
    *task.add_statuses() = make_status("a", mesos::v1::TASK_RUNNING, 1);
    for (const std::string state : {"running", "finished", "ended"}) {
        WaitCore core({"task", "a", state});
        EXPECT_EQ(core.feed(snapshot({task})), Verdict::reached) << state;
    }
    WaitCore core({"task", "a", "killed"});
    EXPECT_FALSE(core.feed(snapshot({task})));
}

TEST(WaitCore, Healthy) {
    WaitCore core({"task", "a", "healthy"});
    EXPECT_EQ(core.feed(snapshot({make_task("a", mesos::v1::TASK_RUNNING)})), Verdict::waiting);
    Event event = task_updated("a", mesos::v1::TASK_RUNNING, 1);
    event.mutable_task_updated()->mutable_status()->set_healthy(false);
    EXPECT_EQ(core.feed(event), Verdict::waiting);
    event.mutable_task_updated()->mutable_status()->set_healthy(true);
    EXPECT_EQ(core.feed(event), Verdict::reached);
}

TEST(WaitCore, UnknownAndAmbiguous) {
    WaitCore missing({"task", "zzz", "running"});
    EXPECT_EQ(missing.feed(snapshot({})).error().code, Errc::not_found);
    WaitCore twice({"task", "a", "running"});
    const auto verdict = twice.feed(snapshot(
        {make_task("a1", mesos::v1::TASK_RUNNING), make_task("a2", mesos::v1::TASK_RUNNING)}));
    EXPECT_EQ(verdict.error().code, Errc::conflict);
    EXPECT_THAT(verdict.error().text, HasSubstr("a1, a2"));
}

TEST(WaitCore, AgentsAndFrameworks) {
    WaitCore agent({"agent", "box", "removed"});
    EXPECT_EQ(agent.feed(snapshot({})), Verdict::waiting);
    EXPECT_EQ(agent.feed(agent_removed("S9")), Verdict::waiting);
    EXPECT_EQ(agent.feed(agent_removed("S1")), Verdict::reached);

    WaitCore drained({"agent", "S1", "drained"});
    EXPECT_EQ(drained.feed(snapshot({})), Verdict::waiting);
    EXPECT_EQ(drained.feed(agent_removed("S1")).error().code, Errc::unavailable);

    WaitCore framework({"framework", "web", "disconnected"});
    EXPECT_EQ(framework.feed(snapshot({})), Verdict::waiting);
    auto away = make_framework("F", "web", "dev");
    away.set_connected(false);
    EXPECT_EQ(framework.feed(framework_updated(away)), Verdict::reached);
}

TEST(WaitCore, SnapshotAfterABreakTellsOfWhatWasMissed) {
    WaitCore core({"task", "a", "ended"});
    EXPECT_EQ(core.feed(snapshot({make_task("a", mesos::v1::TASK_RUNNING)})), Verdict::waiting);
    EXPECT_EQ(core.feed(snapshot({make_task("a", mesos::v1::TASK_FAILED)})), Verdict::reached);
    WaitCore lost({"task", "a", "ended"});
    EXPECT_EQ(lost.feed(snapshot({make_task("a", mesos::v1::TASK_RUNNING)})), Verdict::waiting);
    EXPECT_EQ(lost.feed(snapshot({})).error().code, Errc::unavailable);
}

}  // namespace
}  // namespace tepui::cli
