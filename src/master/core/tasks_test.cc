#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "master/core/core_testing.h"
#include "master/core/ledger.h"
#include "master/core/tasks.h"

// Updates, acknowledgements, kill, messages, reconciliation, changes.
namespace tepui::master::testing {
namespace {

using mesos::v1::TaskStatus;
using ::testing::HasSubstr;

struct Cluster {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler;

    explicit Cluster(const mesos::v1::FrameworkInfo& info = modern_info(), CoreConfig config = {})
        : shell({.config = std::move(config)}), scheduler(subscribe(shell, info)) {
        launch(scheduler, agent, "t1");
        scheduler.take();
    }

    const Framework& framework() const { return shell.state().frameworks.at(scheduler.id); }
    const Task& task(const char* id = "t1") const { return framework().tasks.at(TaskId{id}); }
};

TEST(Updates, AreForwardedInOrderUntilAcknowledged) {
    Cluster cluster;
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_STARTING);
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    const auto updates = cluster.scheduler.updates();
    ASSERT_EQ(updates.size(), 3u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_STARTING);
    EXPECT_EQ(updates[0].uuid().size(), 16u);
    EXPECT_EQ(updates[0].data(), "data");
    const mesos::v1::Task& task = *cluster.task().info;
    ASSERT_EQ(task.statuses_size(), 2) << "the last of each run";
    EXPECT_EQ(task.statuses(1).uuid(), updates[2].uuid());
    EXPECT_FALSE(task.statuses(1).has_data());
    EXPECT_EQ(task.status_update_uuid(), updates[2].uuid());
    cluster.scheduler.acknowledge(updates[0]);
    const auto frames = cluster.agent.take(link::ToAgent::kAcknowledgeUpdate);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].acknowledge_update().uuid(), updates[0].uuid());
    EXPECT_EQ(frames[0].acknowledge_update().task_id().value(), "t1");
}

TEST(Updates, TheLatestStateFreesTheResources) {
    Cluster cluster;
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING,
                         mesos::v1::TASK_FINISHED);
    EXPECT_EQ(cluster.task().info->state(), mesos::v1::TASK_FINISHED);
    EXPECT_EQ(cluster.task().info->status_update_state(), mesos::v1::TASK_RUNNING);
    EXPECT_TRUE(cluster.shell.state().agents.at(cluster.agent.id).used.empty());
    const auto events = cluster.scheduler.take();
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].update().status().state(), mesos::v1::TASK_RUNNING);
    EXPECT_TRUE(events[1].has_offers()) << "free at once, before any acknowledgement";
    EXPECT_EQ(cluster.shell.state().counters.at("tasks_finished"), 1u);
    // A reconciliation tells what was forwarded, not what is newer.
    cluster.scheduler.reconcile();
    EXPECT_EQ(cluster.scheduler.updates().at(0).state(), mesos::v1::TASK_RUNNING);
}

TEST(Updates, TerminalIsFinal) {
    Cluster cluster;
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FAILED);
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    EXPECT_EQ(cluster.task().info->state(), mesos::v1::TASK_FAILED);
    EXPECT_EQ(cluster.shell.state().counters.at("tasks_failed"), 1u);
    EXPECT_EQ(cluster.shell.state().counters.at("tasks_finished"), 0u);
}

TEST(Updates, AcknowledgedTerminalTasksComplete) {
    Cluster cluster(modern_info(), {.max_completed_tasks_per_framework = 2});
    for (const char* id : {"t1", "t2", "t3"}) {
        if (std::string_view(id) != "t1") {
            cluster.scheduler.call(cluster.scheduler.make(SchedulerCall::REVIVE));
            const auto& offers = cluster.shell.state().offers;
            ASSERT_FALSE(offers.empty());
            const mesos::v1::Offer offer = *offers.begin()->second.info;
            cluster.scheduler.accept({offer}, {task_info(offer, id)}, 0);
        }
        cluster.scheduler.take();
        cluster.agent.update(cluster.scheduler.id, id, mesos::v1::TASK_FINISHED);
        cluster.scheduler.acknowledge(cluster.scheduler.updates().at(0));
        EXPECT_TRUE(cluster.framework().tasks.empty());
    }
    ASSERT_EQ(cluster.framework().completed_tasks.size(), 2u);
    EXPECT_EQ(cluster.framework().completed_tasks[0]->task_id().value(), "t2");
    EXPECT_TRUE(cluster.shell.state().agents.at(cluster.agent.id).tasks.empty());
}

TEST(Updates, AnOldAcknowledgementDoesNotComplete) {
    Cluster cluster;
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    const auto running = cluster.scheduler.updates().at(0);
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    cluster.scheduler.acknowledge(running);
    EXPECT_EQ(cluster.framework().tasks.size(), 1u);
}

TEST(Updates, WaitAtTheAgentWhileTheFrameworkIsAway) {
    Cluster cluster;
    cluster.shell.disconnect(cluster.scheduler.stream);
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    EXPECT_TRUE(cluster.agent.take(link::ToAgent::kAcknowledgeUpdate).empty());
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(cluster.scheduler.id.value);
    FakeScheduler back = subscribe(cluster.shell, info);
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    EXPECT_EQ(back.updates().size(), 1u);
}

TEST(Updates, OfUnknownTasksAreForwarded) {
    Cluster cluster;
    cluster.agent.update(cluster.scheduler.id, "never seen", mesos::v1::TASK_RUNNING);
    EXPECT_EQ(cluster.scheduler.updates().size(), 1u);
    cluster.agent.update(FrameworkId{"nobody"}, "t", mesos::v1::TASK_RUNNING);
    EXPECT_TRUE(cluster.agent.take(link::ToAgent::kAcknowledgeUpdate).empty());
}

TEST(Updates, AcknowledgementsForAnAgentThatIsAwayAreDropped) {
    Cluster cluster;
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    const auto finished = cluster.scheduler.updates().at(0);
    cluster.shell.close_link(cluster.agent.link);
    cluster.scheduler.acknowledge(finished);
    EXPECT_EQ(cluster.framework().tasks.size(), 1u) << "the agent will send it again";
    EXPECT_EQ(cluster.shell.state().counters.at("invalid_status_update_acknowledgements"), 1u);
}

TEST(Kill, GoesToTheAgent) {
    Cluster cluster;
    SchedulerCall call = cluster.scheduler.make(SchedulerCall::KILL);
    call.mutable_kill()->mutable_task_id()->set_value("t1");
    call.mutable_kill()->mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(7);
    cluster.scheduler.call(call);
    const auto frames = cluster.agent.take(link::ToAgent::kKillTask);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].kill_task().kill_policy().grace_period().nanoseconds(), 7);
    EXPECT_EQ(frames[0].kill_task().framework_id().value(), cluster.scheduler.id.value);
    EXPECT_EQ(frames[0].agent_id(), cluster.agent.id.value);
}

TEST(Kill, OfAnUnknownTaskIsAReconciliation) {
    Cluster cluster;
    cluster.scheduler.kill("other", cluster.agent.id.value);
    const auto updates = cluster.scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_GONE);
    EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_RECONCILIATION);
}

TEST(Kill, ForTheWrongAgentIsIgnored) {
    Cluster cluster;
    cluster.scheduler.kill("t1", "elsewhere");
    EXPECT_TRUE(cluster.agent.take(link::ToAgent::kKillTask).empty());
    EXPECT_TRUE(cluster.scheduler.take().empty());
}

TEST(Kill, ByAnOperatorReachesTheAgentAndIsAnswered) {
    Cluster cluster;
    const RequestToken known = cluster.shell.kill(cluster.scheduler.id, "t1");
    ASSERT_NE(cluster.shell.answer(known), nullptr);
    EXPECT_TRUE(cluster.shell.answer(known)->has_value());
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kKillTask).size(), 1u);
    for (const RequestToken unknown : {cluster.shell.kill(cluster.scheduler.id, "other"),
                                       cluster.shell.kill(FrameworkId{"nobody"}, "t1")}) {
        ASSERT_NE(cluster.shell.answer(unknown), nullptr);
        EXPECT_EQ(cluster.shell.answer(unknown)->error().code, Errc::not_found);
    }
    EXPECT_TRUE(cluster.agent.take(link::ToAgent::kKillTask).empty());
}

TEST(Messages, PassBothWaysOrAreDropped) {
    Cluster cluster;
    SchedulerCall call = cluster.scheduler.make(SchedulerCall::MESSAGE);
    call.mutable_message()->mutable_agent_id()->set_value(cluster.agent.id.value);
    call.mutable_message()->mutable_executor_id()->set_value("e");
    call.mutable_message()->set_data("ping");
    cluster.scheduler.call(call);
    const auto frames = cluster.agent.take(link::ToAgent::kFrameworkMessage);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].framework_message().data(), "ping");
    link::ToMaster answer;
    answer.mutable_executor_message()->mutable_framework_id()->set_value(
        cluster.scheduler.id.value);
    answer.mutable_executor_message()->mutable_executor_id()->set_value("e");
    answer.mutable_executor_message()->set_data("pong");
    cluster.agent.send(answer);
    const auto events = cluster.scheduler.take(SchedulerEvent::MESSAGE);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].message().data(), "pong");
    EXPECT_EQ(events[0].message().agent_id().value(), cluster.agent.id.value);
    cluster.shell.close_link(cluster.agent.link);
    cluster.scheduler.call(call);
    EXPECT_EQ(cluster.shell.state().counters.at("invalid_framework_to_executor_messages"), 1u);
}

TEST(Request, HasNoEffect) {
    Cluster cluster;
    SchedulerCall call = cluster.scheduler.make(SchedulerCall::REQUEST);
    call.mutable_request();
    cluster.scheduler.call(call);
    EXPECT_TRUE(cluster.scheduler.take().empty());
    EXPECT_EQ(cluster.shell.state().counters.at("messages_resource_request"), 1u);
}

TEST(Calls, OfAFrameworkThatLeftMeanwhileAreDropped) {
    Cluster cluster;
    cluster.shell.disconnect(cluster.scheduler.stream);
    cluster.scheduler.kill("t1");
    EXPECT_TRUE(cluster.agent.take(link::ToAgent::kKillTask).empty());
}

TEST(Reconcile, ImplicitlyEveryKnownTask) {
    Cluster cluster;
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    cluster.scheduler.take();
    cluster.scheduler.reconcile();
    const auto updates = cluster.scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_RUNNING);
    EXPECT_EQ(updates[0].message(), "Reconciliation: Latest task state");
    EXPECT_EQ(updates[0].source(), TaskStatus::SOURCE_MASTER);
    EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_RECONCILIATION);
    EXPECT_TRUE(updates[0].has_container_status());
    EXPECT_FALSE(updates[0].has_uuid());
    EXPECT_FALSE(updates[0].has_executor_id());
}

TEST(Reconcile, ExplicitlyByWhatIsKnownOfTheAgent) {
    struct Row {
        const char* name;
        const char* agent;  // "" for none, "here", "gone", "never".
        mesos::v1::TaskState aware;
        const char* message;
    };
    const Row rows[] = {
        {"no agent named", "", mesos::v1::TASK_UNKNOWN, "Reconciliation: Task is unknown"},
        {"registered agent", "here", mesos::v1::TASK_GONE, "Reconciliation: Task is gone"},
        {"unreachable agent", "gone", mesos::v1::TASK_UNREACHABLE,
         "Reconciliation: Task is unreachable"},
        {"unknown agent", "never", mesos::v1::TASK_UNKNOWN, "Reconciliation: Task is unknown"},
    };
    for (const bool aware : {true, false}) {
        FakeShell shell;
        FakeAgent gone = register_agent(shell, agent_info("node1"));
        shell.pass(80s);
        FakeAgent here = register_agent(shell, agent_info("node2"));
        FakeScheduler scheduler = subscribe(shell, aware ? modern_info() : framework_info());
        for (const Row& row : rows) {
            SCOPED_TRACE(row.name);
            const std::string agent = std::string_view(row.agent) == "here"   ? here.id.value
                                      : std::string_view(row.agent) == "gone" ? gone.id.value
                                                                              : row.agent;
            scheduler.take();
            scheduler.reconcile("t9", agent);
            const auto updates = scheduler.updates();
            ASSERT_EQ(updates.size(), 1u);
            EXPECT_EQ(updates[0].state(), aware ? row.aware : mesos::v1::TASK_LOST);
            EXPECT_EQ(updates[0].message(), row.message);
            EXPECT_EQ(updates[0].has_agent_id(), !agent.empty());
            EXPECT_EQ(updates[0].has_unreachable_time(), agent == gone.id.value);
        }
    }
}

TEST(Reconcile, WaitsForAgentsThatAreStillComingBack) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    shell.crash_and_restart();
    FakeScheduler scheduler = subscribe(shell);
    scheduler.take();
    scheduler.reconcile("t1", agent.id.value);
    scheduler.reconcile("t1");
    EXPECT_TRUE(scheduler.take().empty()) << "an early LOST would be wrong";
    scheduler.reconcile("t1", "another");
    EXPECT_EQ(scheduler.updates().size(), 1u);
    agent.reregister({}, {});
    scheduler.take();
    scheduler.reconcile("t1");
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_UNKNOWN);
}

TEST(Reconcile, TellsNoStateBeforeItsUpdateWasForwarded) {
    Cluster cluster;
    cluster.shell.close_link(cluster.agent.link);
    // It ran and ended meanwhile; TASK_STARTING, TASK_RUNNING and TASK_FINISHED are going to come.
    cluster.agent.reregister({reported_task(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED)},
                             {*cluster.framework().info});
    cluster.scheduler.take();
    cluster.scheduler.reconcile("t1", cluster.agent.id.value);
    EXPECT_EQ(cluster.scheduler.updates().at(0).state(), mesos::v1::TASK_STAGING);
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_STARTING,
                         mesos::v1::TASK_FINISHED);
    cluster.scheduler.take();
    cluster.scheduler.reconcile("t1", cluster.agent.id.value);
    EXPECT_EQ(cluster.scheduler.updates().at(0).state(), mesos::v1::TASK_STARTING);
}

// The acknowledgement may be on its way (or held back) when the agent is lost from sight.
TEST(Reconcile, WhatTheFrameworkWasToldHasEndedDoesNotBecomeUnreachable) {
    Cluster cluster;
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    cluster.shell.pass(80s);
    ASSERT_TRUE(cluster.shell.state().unreachable_agents.contains(cluster.agent.id));
    cluster.scheduler.take();
    cluster.scheduler.reconcile("t1", cluster.agent.id.value);
    const auto updates = cluster.scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_FINISHED);
    EXPECT_EQ(updates[0].message(), "Reconciliation: Latest task state");
    EXPECT_FALSE(updates[0].has_unreachable_time());
}

TEST(Reconcile, AnEndThatWasNotForwardedIsUnreachable) {
    Cluster cluster;
    // The agent says that it is over, but TASK_RUNNING is still in flight: it will come again
    // first.
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING,
                         mesos::v1::TASK_FINISHED);
    cluster.shell.pass(80s);
    cluster.scheduler.take();
    cluster.scheduler.reconcile("t1", cluster.agent.id.value);
    const auto updates = cluster.scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_UNREACHABLE);
}

TEST(Reconcile, OperationsAreUnknown) {
    Cluster cluster;
    SchedulerCall call = cluster.scheduler.make(SchedulerCall::RECONCILE_OPERATIONS);
    call.mutable_reconcile_operations()->add_operations()->mutable_operation_id()->set_value("o");
    cluster.scheduler.call(call);
    const auto events = cluster.scheduler.take(SchedulerEvent::UPDATE_OPERATION_STATUS);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].update_operation_status().status().state(), mesos::v1::OPERATION_UNKNOWN);
}

TEST(Changes, NameWhatASnapshotHasToReadAnew) {
    Cluster cluster;
    Core& core = cluster.shell.core();
    EXPECT_FALSE(core.take_changes().empty());
    EXPECT_TRUE(core.take_changes().empty());
    const auto before = cluster.task().info;
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    const Changes changes = core.take_changes();
    EXPECT_EQ(changes.tasks, (std::set<TaskKey>{{cluster.scheduler.id, TaskId{"t1"}}}));
    EXPECT_TRUE(changes.frameworks.empty());
    EXPECT_EQ(before->state(), mesos::v1::TASK_STAGING) << "a version that a reader holds stays";
    EXPECT_NE(before, cluster.task().info);
    cluster.agent.pong();
    EXPECT_TRUE(core.take_changes().empty());
    EXPECT_GT(changes.version, 0u);
}

TEST(Changes, TasksThatRunArePacked) {
    Cluster cluster;
    Core& core = cluster.shell.core();
    core.pack(core.take_changes());
    EXPECT_FALSE(cluster.task().info.is_packed()) << "in staging it is about to change";
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    const mesos::v1::Task before = *cluster.task().info;
    core.pack(core.take_changes());
    ASSERT_TRUE(cluster.task().info.is_packed());
    EXPECT_EQ(cluster.task().info->SerializeAsString(), before.SerializeAsString());

    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    core.pack(core.take_changes());
    EXPECT_FALSE(cluster.task().info.is_packed());
    EXPECT_EQ(cluster.task().info->statuses_size(), before.statuses_size() + 1);
    cluster.scheduler.acknowledge(cluster.scheduler.updates().back());
    ASSERT_EQ(cluster.framework().completed_tasks.size(), 1u);
    EXPECT_EQ(cluster.framework().completed_tasks[0]->state(), mesos::v1::TASK_FINISHED);
}

TEST(Timers, ComeDueInOrder) {
    Timers timers;
    const TimerKey a{TimerKey::Kind::ping, "a"};
    const TimerKey b{TimerKey::Kind::heartbeat, "b"};
    EXPECT_EQ(timers.next(), Instant::max());
    timers.set(a, Instant{2s});
    timers.set(b, Instant{2s});
    timers.set(a, Instant{1s});
    timers.set({TimerKey::Kind::offer, "c"}, Instant{1s});
    timers.cancel({TimerKey::Kind::offer, "c"});
    EXPECT_EQ(timers.next(), Instant{1s});
    EXPECT_FALSE(timers.pop_due(Instant{999ms}).has_value());
    EXPECT_EQ(timers.pop_due(Instant{5s}), a);
    EXPECT_EQ(timers.pop_due(Instant{5s}), b);
    EXPECT_EQ(timers.size(), 0u);
}

// I2 and I5 under any order of events: the fake shell recounts the ledger after each step.
RC_GTEST_PROP(Property, TheLedgerBalancesAndTotalsHold, ()) {
    FakeShell shell;
    std::vector<FakeAgent> agents{register_agent(shell, agent_info("n1")),
                                  register_agent(shell, agent_info("n2"))};
    std::vector<FakeScheduler> schedulers{subscribe(shell), subscribe(shell, framework_info())};
    int next_task = 0;
    const int steps = *rc::gen::inRange(10, 60);
    for (int step = 0; step < steps; ++step) {
        FakeScheduler& scheduler = schedulers[*rc::gen::inRange<std::size_t>(0, 2)];
        FakeAgent& agent = agents[*rc::gen::inRange<std::size_t>(0, 2)];
        const auto framework = shell.state().frameworks.find(scheduler.id);
        switch (*rc::gen::inRange(0, 7)) {
            case 0:
            case 1: {
                if (framework == shell.state().frameworks.end()) break;
                if (framework->second.offers.empty()) break;
                const mesos::v1::Offer offer =
                    *shell.state().offers.at(*framework->second.offers.begin()).info;
                scheduler.accept({offer}, {task_info(offer, fmt::format("t{}", next_task++))}, 0);
                break;
            }
            case 2: {
                if (framework == shell.state().frameworks.end()) break;
                if (framework->second.tasks.empty()) break;
                const auto& [id, task] = *framework->second.tasks.begin();
                const std::string name = id.value;
                const auto state = *rc::gen::element(
                    mesos::v1::TASK_RUNNING, mesos::v1::TASK_FINISHED, mesos::v1::TASK_FAILED);
                for (FakeAgent& home : agents) {
                    if (home.id == task.agent) {
                        home.update(scheduler.id, name, state);
                        break;
                    }
                }
                break;
            }
            case 3: shell.close_link(agent.link); break;
            case 4: agent.reregister({}, {}, *rc::gen::arbitrary<bool>()); break;
            case 5: shell.pass(std::chrono::seconds{*rc::gen::inRange(1, 90)}); break;
            case 6: {
                if (framework == shell.state().frameworks.end()) break;
                shell.disconnect(scheduler.stream);
                mesos::v1::FrameworkInfo info = modern_info();
                info.mutable_id()->set_value(scheduler.id.value);
                scheduler.stream = shell.subscribe(info);
                break;
            }
        }
        RC_ASSERT(ledger_balances(shell.state()));
        for (const auto& [id, known] : shell.state().agents) {
            Resources taken;
            for (const auto& [f, r] : known.offered) taken += r.unallocated();
            for (const auto& [f, r] : known.used) taken += r.unallocated();
            RC_ASSERT(known.total.contains(taken));
        }
    }
}

}  // namespace
}  // namespace tepui::master::testing
