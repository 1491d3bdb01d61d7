// What operators are told: each transition once, in the order in which it happened.
#include "master/core/publish.h"

#include <gmock/gmock.h>

#include "base/overloaded.h"
#include "master/core/core_testing.h"

namespace tepui::master {
namespace {

using ::testing::ElementsAre;
using testing::FakeAgent;
using testing::FakeScheduler;
using testing::FakeShell;
using ::testing::IsEmpty;

std::string text_of(const OperatorEvent& event) {
    const auto name = [](mesos::v1::TaskState state) { return mesos::v1::TaskState_Name(state); };
    return std::visit(
        Overloaded{
            [&](const TaskAdded& added) {
                return fmt::format("TASK_ADDED {} {}", added.task->task_id().value(),
                                   name(added.task->state()));
            },
            [&](const TaskUpdated& updated) {
                return fmt::format("TASK_UPDATED {} {} {} {}", updated.status->task_id().value(),
                                   name(updated.status->state()), name(updated.state),
                                   updated.role);
            },
            [](const AgentAdded& added) {
                return fmt::format("AGENT_ADDED {}", added.agent->info->hostname());
            },
            [](const AgentRemoved&) { return std::string("AGENT_REMOVED"); },
            [](const FrameworkAdded& added) {
                return fmt::format("FRAMEWORK_ADDED {}{}{}", added.framework.info->name(),
                                   added.framework.connected ? " connected" : "",
                                   added.framework.recovered ? " recovered" : "");
            },
            [](const FrameworkUpdated& updated) {
                return fmt::format("FRAMEWORK_UPDATED {} {}", updated.framework.info->name(),
                                   updated.framework.allocated.scalar("cpus").to_double());
            },
            [](const FrameworkRemoved& removed) {
                return fmt::format("FRAMEWORK_REMOVED {}", removed.info->name());
            },
        },
        event);
}

class PublishTest : public ::testing::Test {
protected:
    PublishTest() { shell.core().publish_events(true); }

    std::vector<std::string> take() {
        std::vector<std::string> texts;
        for (const OperatorEvent& event : shell.core().take_published())
            texts.push_back(text_of(event));
        return texts;
    }

    FakeShell shell;
};

TEST_F(PublishTest, ATaskFromLaunchToItsEnd) {
    FakeAgent agent = testing::register_agent(shell);
    FakeScheduler scheduler = testing::subscribe(shell);
    EXPECT_THAT(take(), ElementsAre("AGENT_ADDED node1", "FRAMEWORK_ADDED test connected"));
    testing::launch(scheduler, agent, "a");
    agent.update(scheduler.id, "a", mesos::v1::TASK_STARTING, mesos::v1::TASK_RUNNING);
    agent.update(scheduler.id, "a", mesos::v1::TASK_RUNNING);
    agent.update(scheduler.id, "a", mesos::v1::TASK_FAILED);
    EXPECT_THAT(take(), ElementsAre("TASK_ADDED a TASK_STAGING",
                                    "TASK_UPDATED a TASK_STARTING TASK_RUNNING *",
                                    "TASK_UPDATED a TASK_RUNNING TASK_RUNNING *",
                                    "TASK_UPDATED a TASK_FAILED TASK_FAILED *"));
    for (const auto& status : scheduler.updates()) scheduler.acknowledge(status);
    EXPECT_THAT(take(), IsEmpty()) << "an acknowledgement changes no state";
}

TEST_F(PublishTest, AFrameworkEndsAfterItsTasks) {
    FakeAgent agent = testing::register_agent(shell);
    FakeScheduler scheduler = testing::subscribe(shell);
    testing::launch(scheduler, agent, "a");
    take();
    shell.teardown(scheduler.id);
    EXPECT_THAT(take(),
                ElementsAre("TASK_UPDATED a TASK_KILLED TASK_KILLED *", "FRAMEWORK_REMOVED test"));
}

TEST_F(PublishTest, AnAgentTakesItsTasksAlongAndBringsThemBack) {
    FakeAgent agent = testing::register_agent(shell);
    FakeScheduler scheduler = testing::subscribe(shell);
    testing::launch(scheduler, agent, "a");
    agent.update(scheduler.id, "a", mesos::v1::TASK_RUNNING);
    take();
    shell.pass(std::chrono::minutes{2});  // Without a pong.
    EXPECT_THAT(take(),
                ElementsAre("TASK_UPDATED a TASK_UNREACHABLE TASK_UNREACHABLE *", "AGENT_REMOVED"));
    agent.reregister({testing::reported_task(scheduler.id, "a", mesos::v1::TASK_RUNNING)},
                     {*shell.state().frameworks.at(scheduler.id).info});
    EXPECT_THAT(take(), ElementsAre("AGENT_ADDED node1", "TASK_ADDED a TASK_RUNNING"));
}

TEST_F(PublishTest, AnUpdateThatTheAgentRepeatsIsToldOnce) {
    FakeAgent agent = testing::register_agent(shell);
    FakeScheduler scheduler = testing::subscribe(shell);
    testing::launch(scheduler, agent, "a");
    take();
    link::ToMaster frame;
    auto& update = *frame.mutable_status_update();
    update.mutable_framework_id()->set_value(scheduler.id.value);
    update.set_latest_state(mesos::v1::TASK_RUNNING);
    update.mutable_status()->mutable_task_id()->set_value("a");
    update.mutable_status()->set_state(mesos::v1::TASK_RUNNING);
    update.mutable_status()->set_uuid(std::string(16, 'u'));
    update.mutable_status()->set_data("secret");
    agent.send(frame);
    agent.send(frame);
    const OperatorEvents events = shell.core().take_published();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_FALSE(std::get<TaskUpdated>(events[0]).status->has_data());
}

TEST_F(PublishTest, AFrameworkThatSubscribesAgainIsUpdated) {
    FakeAgent agent = testing::register_agent(shell);
    FakeScheduler scheduler = testing::subscribe(shell);
    testing::launch(scheduler, agent, "a");
    take();
    mesos::v1::FrameworkInfo info = *shell.state().frameworks.at(scheduler.id).info;
    shell.subscribe(info);
    EXPECT_THAT(take(), ElementsAre("FRAMEWORK_UPDATED test 1"));
}

TEST_F(PublishTest, AFrameworkThatAnAgentBringsIsAdded) {
    FakeAgent agent = testing::register_agent(shell);
    mesos::v1::FrameworkInfo info = testing::modern_info();
    info.mutable_id()->set_value("brought");
    take();
    agent.reregister({testing::reported_task(FrameworkId{"brought"}, "a", mesos::v1::TASK_RUNNING)},
                     {info});
    EXPECT_THAT(take(), ElementsAre("FRAMEWORK_ADDED test recovered", "TASK_ADDED a TASK_RUNNING"));
}

TEST_F(PublishTest, NothingIsToldBeforeItIsDurable) {
    shell.hold_writes();
    shell.subscribe(testing::modern_info());
    EXPECT_THAT(take(), IsEmpty());
    shell.persist_all();
    EXPECT_THAT(take(), ElementsAre("FRAMEWORK_ADDED test connected"));
}

TEST_F(PublishTest, NothingIsNotedWhenNobodyListens) {
    FakeAgent agent = testing::register_agent(shell);
    shell.core().publish_events(false);
    FakeScheduler scheduler = testing::subscribe(shell);
    testing::launch(scheduler, agent, "a");
    EXPECT_THAT(take(), IsEmpty());
}

}  // namespace
}  // namespace tepui::master
