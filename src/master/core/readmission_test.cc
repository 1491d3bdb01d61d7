#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// What a master makes of the tasks and executors that an agent brings when it registers again.
namespace tepui::master::testing {
namespace {

using mesos::v1::TaskStatus;

TEST(Reregistration, TasksThatDidNotArriveAreDropped) {
    struct Row {
        const char* name;
        bool partition_aware;
        bool ran;  // An update had come before.
        mesos::v1::TaskState want;
    };
    const Row rows[] = {
        {"staging, partition-aware", true, false, mesos::v1::TASK_DROPPED},
        {"staging, plain", false, false, mesos::v1::TASK_LOST},
        {"running, partition-aware", true, true, mesos::v1::TASK_GONE},
        {"running, plain", false, true, mesos::v1::TASK_LOST},
    };
    for (const Row& row : rows) {
        for (const bool restarted : {true, false}) {
            SCOPED_TRACE(::testing::Message() << row.name << ", restarted " << restarted);
            FakeShell shell;
            FakeAgent agent = register_agent(shell);
            FakeScheduler scheduler =
                subscribe(shell, row.partition_aware ? modern_info() : plain_info(true));
            launch(scheduler, agent, "t1");
            if (row.ran) agent.update(scheduler.id, "t1", mesos::v1::TASK_RUNNING);
            shell.close_link(agent.link);
            scheduler.take();
            agent.reregister({}, {}, restarted);
            const auto updates = scheduler.updates();
            ASSERT_EQ(updates.size(), 1u);
            EXPECT_EQ(updates[0].state(), row.want);
            EXPECT_EQ(updates[0].source(), TaskStatus::SOURCE_MASTER);
            EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_AGENT_RESTARTED);
            EXPECT_FALSE(updates[0].has_uuid());
            EXPECT_TRUE(shell.state().agents.at(agent.id).used.empty());
        }
    }
}

TEST(Reregistration, OnTheSameConnectionWhatIsInFlightStays) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    scheduler.take();
    agent.reregister({}, {}, /*restarted=*/false, /*same_link=*/true);
    EXPECT_TRUE(scheduler.updates().empty()) << "RunTask is still on its way";
    EXPECT_EQ(shell.state().frameworks.at(scheduler.id).tasks.size(), 1u);
}

TEST(Reregistration, OverANewConnectionTheOldOneGoesStale) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    const LinkId old = agent.link;
    agent.reregister({}, {});
    EXPECT_EQ(shell.state().agents.at(agent.id).link, agent.link);
    shell.close_link(old);  // The master notices late.
    EXPECT_TRUE(shell.state().agents.at(agent.id).connected());
}

TEST(Reregistration, KillsAreSentAgain) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    shell.close_link(agent.link);
    scheduler.kill("t1");
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                     {info_of(shell, scheduler.id)});
    const auto frames = agent.take();
    ASSERT_GE(frames.size(), 2u);
    EXPECT_TRUE(frames[0].has_agent_reregistered()) << "the answer comes first";
    EXPECT_TRUE(frames[1].has_kill_task());
    agent.update(scheduler.id, "t1", mesos::v1::TASK_KILLED);
    EXPECT_TRUE(shell.state().agents.at(agent.id).pending_kills.empty());
}

TEST(Reregistration, FromAnotherMachineIsRefused) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeAgent clone = agent;
    clone.info.set_hostname("node9");
    clone.reregister({}, {});
    EXPECT_EQ(clone.take(link::ToAgent::kShutdownAgent).size(), 1u);
    EXPECT_TRUE(shell.state().agents.at(agent.id).connected());
    EXPECT_EQ(shell.state().agents.at(agent.id).link, agent.link);
}

TEST(Reregistration, WithOtherResources) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1", "cpus:2;mem:128");
    scheduler.take();
    mesos::v1::AgentInfo grown = agent_info("node1", "cpus:16;mem:1024");
    grown.mutable_id()->set_value(agent.id.value);
    agent.info = grown;
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING, "cpus:2;mem:128")},
                     {info_of(shell, scheduler.id)});
    const auto offers = scheduler.offers();
    ASSERT_EQ(offers.size(), 1u);
    EXPECT_EQ(Resources::parse(offers[0].resources())->scalar("cpus"), Quantity{14000});
}

TEST(Reregistration, WhatItReportsForTheFirstTimeIsNoLongerOffered) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    FakeAgent agent = register_agent(shell);
    const auto offer = scheduler.offer();

    agent.reregister({reported_task(scheduler.id, "unheard", mesos::v1::TASK_RUNNING)}, {},
                     /*restarted=*/false, /*same_link=*/true);
    EXPECT_FALSE(shell.state().offers.contains(OfferId{offer.id().value()}));
    EXPECT_EQ(Resources::parse(scheduler.offer().resources())->scalar("cpus"), Quantity{7000});
}

TEST(Reregistration, APortThatTwoReportedTasksHaveCountsOnce) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    FakeAgent agent = register_agent(shell, agent_info("node1", "cpus:8;mem:16384;ports:[1-9]"));
    scheduler.offer();  // Of everything.
    std::vector<mesos::v1::Task> tasks;
    for (const char* name : {"a", "b"}) {
        tasks.push_back(reported_task(scheduler.id, name, mesos::v1::TASK_RUNNING));
        *tasks.back().mutable_resources() =
            Resources::parse_flag("cpus:1;ports:[4-5]")->allocated_to("*").to_proto();
    }
    agent.reregister(tasks, {}, /*restarted=*/false, /*same_link=*/true);
    const auto left = Resources::parse(scheduler.offer().resources());
    EXPECT_EQ(left->scalar("cpus"), Quantity{6000});
    EXPECT_EQ(left->ranges("ports"), Resources::parse_flag("ports:[1-3,6-9]")->ranges("ports"));
    agent.update(scheduler.id, "b", mesos::v1::TASK_FINISHED);
    agent.update(scheduler.id, "a", mesos::v1::TASK_FINISHED);
    EXPECT_TRUE(shell.state().agents.at(agent.id).used.empty());
}

TEST(Reregistration, TerminalTasksThatNobodyListsAnyMoreAreCompleted) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    agent.update(scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    shell.close_link(agent.link);
    scheduler.take();
    agent.reregister({}, {});
    EXPECT_TRUE(scheduler.updates().empty());
    EXPECT_EQ(shell.state().frameworks.at(scheduler.id).completed_tasks.size(), 1u);
}

TEST(Reregistration, AnEndThatWasAcknowledgedIsNotTakenInAgain) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    agent.update(scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    scheduler.acknowledge(updates[0]);
    ASSERT_TRUE(shell.state().frameworks.at(scheduler.id).tasks.empty());

    // The agent wrote this before it read the acknowledgement.
    mesos::v1::Task ended = reported_task(scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    ended.set_status_update_state(mesos::v1::TASK_FINISHED);
    ended.set_status_update_uuid(updates[0].uuid());
    agent.reregister({ended}, {}, /*restarted=*/false, /*same_link=*/true);
    EXPECT_TRUE(shell.state().frameworks.at(scheduler.id).tasks.empty());
    // Another end, of a task that took the id after it, waits for its acknowledgement.
    ended.set_status_update_uuid("another");
    agent.reregister({ended}, {}, /*restarted=*/false, /*same_link=*/true);
    EXPECT_EQ(shell.state().frameworks.at(scheduler.id).tasks.size(), 1u);
}

TEST(Reregistration, AnEndThatWasNotAcknowledgedComesBackWithItsAgent) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    agent.update(scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    shell.close_link(agent.link);
    shell.pass(76s);  // Pings go unanswered until it is given up.
    ASSERT_TRUE(shell.state().unreachable_agents.contains(agent.id));

    mesos::v1::Task ended = reported_task(scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    ended.set_status_update_state(mesos::v1::TASK_FINISHED);
    ended.set_status_update_uuid(updates[0].uuid());
    agent.reregister({ended}, {});
    EXPECT_EQ(shell.state().frameworks.at(scheduler.id).tasks.size(), 1u);
}

TEST(Reregistration, ATaskOfAnotherAgentIsKilled) {
    FakeShell shell;
    FakeAgent first = register_agent(shell, agent_info("node1"));
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, first, "t1");
    FakeAgent second = register_agent(shell, agent_info("node2"));
    second.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                      {info_of(shell, scheduler.id)});
    EXPECT_EQ(second.take(link::ToAgent::kKillTask).size(), 1u);
    EXPECT_EQ(shell.state().frameworks.at(scheduler.id).tasks.at(TaskId{"t1"}).agent, first.id);
}

TEST(Executors, AreShownInOffersAndEndWithFailure) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    scheduler.take();
    agent.link = shell.open_link();
    link::ToMaster frame;
    auto& reregister = *frame.mutable_reregister_agent();
    *reregister.mutable_agent() = agent.info;
    reregister.set_version("1.12.0");
    auto& executor = *reregister.add_executors();
    executor.mutable_executor_id()->set_value("e1");
    executor.mutable_framework_id()->set_value(scheduler.id.value);
    *executor.mutable_resources() = task_info({}, "x", "cpus:1").resources();
    *reregister.add_frameworks() = info_of(shell, scheduler.id);
    agent.send(frame);
    EXPECT_EQ(shell.state().agents.at(agent.id).used.at(scheduler.id).scalar("cpus"),
              Quantity{1000});
    scheduler.call([&] {
        SchedulerCall decline = scheduler.make(SchedulerCall::DECLINE);
        decline.mutable_decline()->mutable_filters()->set_refuse_seconds(0);
        for (const auto& [id, offer] : shell.state().offers) {
            decline.mutable_decline()->add_offer_ids()->set_value(id.value);
        }
        return decline;
    }());
    const auto offers = scheduler.offers();
    ASSERT_FALSE(offers.empty());
    ASSERT_EQ(offers.back().executor_ids_size(), 1);
    EXPECT_EQ(offers.back().executor_ids(0).value(), "e1");
    link::ToMaster exited;
    exited.mutable_executor_exited()->mutable_framework_id()->set_value(scheduler.id.value);
    exited.mutable_executor_exited()->mutable_executor_id()->set_value("e1");
    exited.mutable_executor_exited()->set_status(9);
    agent.send(exited);
    const auto failures = scheduler.take(SchedulerEvent::FAILURE);
    ASSERT_EQ(failures.size(), 1u);
    EXPECT_EQ(failures[0].failure().executor_id().value(), "e1");
    EXPECT_EQ(failures[0].failure().status(), 9);
    EXPECT_TRUE(shell.state().agents.at(agent.id).used.empty());
}

}  // namespace
}  // namespace tepui::master::testing
