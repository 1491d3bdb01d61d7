#include "master/core/gone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// MARK_AGENT_GONE in every state of an agent, and what reconciliation says after it.
namespace tepui::master::testing {
namespace {

using mesos::v1::TaskStatus;
using ::testing::HasSubstr;

void expect_refused(FakeShell& shell, FakeAgent& agent,
                    const std::vector<mesos::v1::Task>& tasks = {}) {
    agent.reregister(tasks, {});
    const auto frames = agent.take();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].shutdown_agent().message(), "Agent has been marked gone");
    EXPECT_FALSE(shell.state().agents.contains(agent.id));
}

TEST(Gone, TellsEveryFrameworkInItsOwnWords) {
    struct Row {
        bool partition_aware;
        mesos::v1::TaskState state;
        TaskStatus::Reason reason;
        const char* counter;
    };
    const Row rows[] = {
        {true, mesos::v1::TASK_GONE_BY_OPERATOR, TaskStatus::REASON_AGENT_REMOVED_BY_OPERATOR,
         "tasks_gone_by_operator"},
        {false, mesos::v1::TASK_LOST, TaskStatus::REASON_AGENT_REMOVED, "tasks_lost"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.partition_aware);
        FakeShell shell;
        FakeAgent agent = register_agent(shell);
        FakeScheduler scheduler =
            subscribe(shell, row.partition_aware ? modern_info() : plain_info(/*checkpoint=*/true));
        launch(scheduler, agent, "t1");
        agent.update(scheduler.id, "t1", mesos::v1::TASK_RUNNING);
        const std::size_t offers = scheduler.offers().size();
        ASSERT_EQ(offers, 1u);
        agent.take();
        shell.hold_writes();
        const RequestToken request = shell.mark_gone(agent.id);
        EXPECT_EQ(shell.answer(request), nullptr) << "stored first";
        EXPECT_TRUE(scheduler.take().empty());
        EXPECT_TRUE(agent.take().empty());
        shell.persist_all();
        expect_answered(shell, request);
        const auto frames = agent.take();
        ASSERT_EQ(frames.size(), 1u);
        EXPECT_TRUE(frames[0].has_shutdown_agent());
        std::vector<SchedulerEvent::Type> types;
        for (const auto& event : scheduler.take()) {
            types.push_back(event.type());
            if (event.type() == SchedulerEvent::FAILURE) {
                EXPECT_EQ(event.failure().agent_id().value(), agent.id.value);
                EXPECT_FALSE(event.failure().has_status());
            }
            if (!event.has_update()) continue;
            const TaskStatus& status = event.update().status();
            EXPECT_EQ(status.state(), row.state);
            EXPECT_EQ(status.reason(), row.reason);
            EXPECT_EQ(status.source(), TaskStatus::SOURCE_MASTER);
            EXPECT_EQ(status.message(), "Agent has been marked gone");
            EXPECT_EQ(status.agent_id().value(), agent.id.value);
            EXPECT_FALSE(status.has_uuid());
            EXPECT_FALSE(status.has_unreachable_time());
        }
        using ::testing::UnorderedElementsAre;
        EXPECT_THAT(types, UnorderedElementsAre(SchedulerEvent::UPDATE, SchedulerEvent::RESCIND,
                                                SchedulerEvent::FAILURE));
        EXPECT_EQ(shell.state().counters.at(row.counter), 1u);
        EXPECT_EQ(shell.state().counters.at("slave_removals"), 1u);
        EXPECT_TRUE(shell.state().agents.empty());
        expect_refused(shell, agent);
    }
}

TEST(Gone, IsRefusedForEverAndByLaterMasters) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    expect_answered(shell, shell.mark_gone(agent.id));
    expect_answered(shell, shell.mark_gone(agent.id));  // Idempotent.
    shell.crash_and_restart();
    EXPECT_TRUE(shell.state().gone_agents.contains(agent.id));
    EXPECT_TRUE(shell.state().recovered_agents.empty());
    expect_refused(shell, agent);
    expect_answered(shell, shell.mark_gone(agent.id));
    FakeAgent fresh = register_agent(shell);  // The machine itself may be used again.
    EXPECT_NE(fresh.id, agent.id);
}

TEST(Gone, ARegistrationThatComesWhileItIsStoredChangesNothing) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    agent.take();
    shell.hold_writes();
    const RequestToken first = shell.mark_gone(agent.id);
    const RequestToken second = shell.mark_gone(agent.id);
    EXPECT_EQ(shell.held_writes(), 1u) << "one wish";
    agent.info.mutable_attributes(0)->mutable_text()->set_value("r2");
    agent.reregister({}, {});
    EXPECT_EQ(shell.held_writes(), 1u);
    link::ToMaster leave;
    leave.mutable_unregister_agent();
    agent.send(leave);
    EXPECT_EQ(shell.held_writes(), 1u);
    shell.persist_all();
    expect_answered(shell, first);
    expect_answered(shell, second);
    EXPECT_TRUE(shell.state().gone_agents.contains(agent.id));
    EXPECT_TRUE(shell.state().agents.empty());
    expect_refused(shell, agent);
}

TEST(Gone, OfAnUnknownAgentOrAChangingOne) {
    FakeShell shell;
    const RequestToken unknown = shell.mark_gone(AgentId{"none"});
    EXPECT_EQ(shell.answer(unknown)->error().code, Errc::not_found);
    EXPECT_THAT(shell.answer(unknown)->error().text, HasSubstr("none"));
    FakeAgent agent = register_agent(shell);
    shell.hold_writes();
    shell.pass(76s);  // It is being marked unreachable.
    const RequestToken early = shell.mark_gone(agent.id);
    EXPECT_EQ(shell.answer(early)->error().code, Errc::unavailable);
    shell.persist_all();
    ASSERT_TRUE(shell.state().unreachable_agents.contains(agent.id));
    agent.reregister({}, {});
    const RequestToken returning = shell.mark_gone(agent.id);
    EXPECT_EQ(shell.answer(returning)->error().code, Errc::unavailable);
    shell.persist_all();
    const RequestToken late = shell.mark_gone(agent.id);
    shell.persist_all();
    expect_answered(shell, late);
}

TEST(Gone, AnUnreachableAgentIsNotCountedTwice) {
    for (const bool partition_aware : {true, false}) {
        SCOPED_TRACE(partition_aware);
        FakeShell shell;
        FakeAgent agent = register_agent(shell);
        FakeScheduler scheduler =
            subscribe(shell, partition_aware ? modern_info() : plain_info(/*checkpoint=*/true));
        launch(scheduler, agent, "t1");
        shell.pass(76s);
        ASSERT_EQ(shell.state().unreachable_task_count, 1u);
        scheduler.take();
        expect_answered(shell, shell.mark_gone(agent.id));
        const auto events = scheduler.take();
        if (partition_aware) {
            ASSERT_EQ(events.size(), 1u) << "the agent's failure was told before";
            const TaskStatus& status = events[0].update().status();
            EXPECT_EQ(status.state(), mesos::v1::TASK_GONE_BY_OPERATOR);
            EXPECT_EQ(status.reason(), TaskStatus::REASON_AGENT_REMOVED_BY_OPERATOR);
        } else {
            EXPECT_TRUE(events.empty()) << "to it the task was lost";
        }
        const Framework& framework = shell.state().frameworks.at(scheduler.id);
        EXPECT_TRUE(framework.unreachable_tasks.empty());
        EXPECT_TRUE(framework.unreachable_order.empty());
        ASSERT_EQ(framework.completed_tasks.size(), 1u);
        const auto& counters = shell.state().counters;
        EXPECT_EQ(shell.state().unreachable_task_count, 0u);
        EXPECT_EQ(counters.at("slave_removals"), 1u);
        EXPECT_EQ(counters.at("tasks_gone_by_operator"), partition_aware ? 1u : 0u);
        EXPECT_EQ(counters.at("tasks_lost"), partition_aware ? 0u : 1u);
        EXPECT_FALSE(shell.state().unreachable_agents.contains(agent.id));
        expect_refused(shell, agent, {reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)});
        EXPECT_TRUE(scheduler.updates().empty());
    }
}

TEST(Gone, AnAgentThatIsNotBackSinceTheFailover) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    shell.crash_and_restart();
    FakeScheduler scheduler = subscribe(shell);
    scheduler.take();
    scheduler.reconcile("t1", agent.id.value);
    EXPECT_TRUE(scheduler.updates().empty()) << "it may still come back";
    expect_answered(shell, shell.mark_gone(agent.id));
    EXPECT_EQ(scheduler.take(SchedulerEvent::FAILURE).size(), 1u);
    scheduler.reconcile("t1", agent.id.value);
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_GONE_BY_OPERATOR);
    shell.pass(20min);
    EXPECT_TRUE(shell.state().unreachable_agents.empty());
    EXPECT_EQ(shell.state().counters.at("slave_unreachable_scheduled"), 0u);
    expect_refused(shell, agent);
}

TEST(Gone, WhileItWaitsToBeMarkedUnreachable) {
    FakeShell shell({.config = {.agent_removal_rate_limit = RemovalRate{1, 1h}}});
    FakeAgent one = register_agent(shell, agent_info("one"));
    FakeAgent two = register_agent(shell, agent_info("two"));
    shell.pass(76s);
    ASSERT_EQ(shell.state().unreachable_agents.size(), 1u);
    FakeAgent& waiting = shell.state().agents.contains(one.id) ? one : two;
    expect_answered(shell, shell.mark_gone(waiting.id));
    EXPECT_TRUE(shell.state().removals.empty());
    shell.pass(2h);
    EXPECT_EQ(shell.state().counters.at("slave_unreachable_completed"), 1u);
    EXPECT_FALSE(shell.state().unreachable_agents.contains(waiting.id));
}

TEST(Gone, WhatEndedBeforeStaysWhatItWas) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    agent.update(scheduler.id, "t1", mesos::v1::TASK_FINISHED);  // Not acknowledged.
    scheduler.take();
    expect_answered(shell, shell.mark_gone(agent.id));
    EXPECT_TRUE(scheduler.updates().empty());
    scheduler.reconcile("t1", agent.id.value);
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_FINISHED);
}

TEST(Gone, AtomicTasksOfNonCheckpointingFrameworksAreLostOnce) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    mesos::v1::FrameworkInfo info = modern_info();
    info.set_checkpoint(false);
    FakeScheduler scheduler = subscribe(shell, info);
    launch(scheduler, agent, "t1");
    scheduler.take();
    shell.close_link(agent.link);
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_LOST);
    expect_answered(shell, shell.mark_gone(agent.id));
    EXPECT_TRUE(scheduler.updates().empty());
}

TEST(Removed, AnAgentMayComeBackUnderItsId) {
    FakeShell shell;
    FakeAgent old = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, old, "t1");
    scheduler.take();
    FakeAgent fresh = register_agent(shell);  // At the same address.
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_LOST);
    link::ToMaster leave;
    leave.mutable_unregister_agent();
    fresh.send(leave);
    scheduler.take();
    old.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                   {info_of(shell, scheduler.id)});
    EXPECT_TRUE(shell.state().agents.contains(old.id));
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u) << "what was told lost is said to run";
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_RUNNING);
    EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_AGENT_REREGISTERED);
    EXPECT_FALSE(shell.state().removed_agents.contains(old.id));
}

TEST(Removed, WhatCameBackHasNotEnded) {
    FakeShell shell;
    FakeAgent old = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, old, "t1");
    FakeAgent fresh = register_agent(shell);  // At the same address.
    link::ToMaster leave;
    leave.mutable_unregister_agent();
    fresh.send(leave);
    const Framework& framework = shell.state().frameworks.at(scheduler.id);
    EXPECT_EQ(framework.completed_tasks.size(), 1u);
    old.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                   {info_of(shell, scheduler.id)});
    EXPECT_TRUE(framework.completed_tasks.empty()) << "it would be listed twice";
    // Lost from sight, it is asked for: the end that was presumed once is not repeated.
    shell.pass(76s);
    ASSERT_TRUE(shell.state().unreachable_agents.contains(old.id));
    scheduler.take();
    scheduler.reconcile("t1", old.id.value);
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_UNREACHABLE);
}

}  // namespace
}  // namespace tepui::master::testing
