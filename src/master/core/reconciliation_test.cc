#include "master/core/reconciliation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// What is answered about a task, in every state of its agent.
namespace tepui::master::testing {
namespace {

using mesos::v1::TaskStatus;

mesos::v1::FrameworkInfo info_for(bool partition_aware) {
    mesos::v1::FrameworkInfo info = modern_info();
    if (partition_aware) return info;
    info = framework_info("plain");
    info.set_checkpoint(true);
    info.set_failover_timeout(3600);
    return info;
}

enum class AgentState {
    registered,
    disconnected,
    being_lost,
    unreachable,
    being_marked_gone,
    gone,
    recovered,
    returning,
    removed,
    forgotten,
    never_seen,
};

// A cluster with one agent in that state, and a scheduler.
struct Cluster {
    Cluster(AgentState state, bool partition_aware)
        : shell({.config = {.registry_gc_interval = 1h, .registry_max_agent_age = 1h}}),
          agent(register_agent(shell)),
          scheduler(subscribe(shell, info_for(partition_aware))) {
        bring_to(state);
        scheduler.take();
    }

    void bring_to(AgentState state) {
        switch (state) {
            case AgentState::registered: return;
            case AgentState::disconnected: return shell.close_link(agent.link);
            case AgentState::being_lost: shell.hold_writes(); return shell.pass(76s);
            case AgentState::unreachable: return shell.pass(76s);
            case AgentState::being_marked_gone:
                shell.hold_writes();
                shell.mark_gone(agent.id);
                return;
            case AgentState::gone: shell.mark_gone(agent.id); return;
            case AgentState::recovered: return restart();
            case AgentState::returning:
                shell.pass(76s);
                shell.hold_writes();
                agent.reregister({}, {});
                return;
            case AgentState::removed: {
                link::ToMaster leave;
                leave.mutable_unregister_agent();
                return agent.send(leave);
            }
            case AgentState::forgotten: return shell.pass(4h);
            case AgentState::never_seen: agent.id = AgentId{"nobody"}; return;
        }
    }

    void restart() {
        mesos::v1::FrameworkInfo info = *shell.state().frameworks.at(scheduler.id).info;
        shell.crash_and_restart();
        scheduler.stream = shell.subscribe(info);
    }

    FakeShell shell;
    FakeAgent agent;
    FakeScheduler scheduler;
};

TEST(Reconciliation, OfAnUnknownTaskFollowsItsAgent) {
    using S = AgentState;
    struct Row {
        const char* name;
        AgentState agent;
        std::optional<mesos::v1::TaskState> aware;   // None: no answer.
        std::optional<mesos::v1::TaskState> nobody;  // Asked without an agent id.
    };
    const auto unknown = mesos::v1::TASK_UNKNOWN;
    const Row rows[] = {
        {"registered", S::registered, mesos::v1::TASK_GONE, unknown},
        {"disconnected", S::disconnected, mesos::v1::TASK_GONE, unknown},
        {"being lost", S::being_lost, mesos::v1::TASK_GONE, unknown},
        {"unreachable", S::unreachable, mesos::v1::TASK_UNREACHABLE, unknown},
        {"being marked gone", S::being_marked_gone, mesos::v1::TASK_GONE, unknown},
        {"gone", S::gone, mesos::v1::TASK_GONE_BY_OPERATOR, unknown},
        {"recovered", S::recovered, std::nullopt, std::nullopt},
        {"returning", S::returning, std::nullopt, unknown},
        {"removed", S::removed, unknown, unknown},
        {"forgotten", S::forgotten, unknown, unknown},
        {"never seen", S::never_seen, unknown, unknown},
    };
    for (const Row& row : rows) {
        for (const bool partition_aware : {true, false}) {
            SCOPED_TRACE(::testing::Message() << row.name << ", PA: " << partition_aware);
            Cluster cluster(row.agent, partition_aware);
            const auto expect = [&](std::optional<mesos::v1::TaskState> want, bool by_agent) {
                const auto updates = cluster.scheduler.updates();
                ASSERT_EQ(updates.size(), want ? 1u : 0u);
                if (!want) return;
                const TaskStatus& status = updates[0];
                EXPECT_EQ(status.state(), partition_aware ? *want : mesos::v1::TASK_LOST);
                EXPECT_EQ(status.reason(), TaskStatus::REASON_RECONCILIATION);
                EXPECT_EQ(status.source(), TaskStatus::SOURCE_MASTER);
                EXPECT_FALSE(status.has_uuid());
                EXPECT_EQ(status.has_agent_id(), by_agent);
                EXPECT_EQ(status.has_unreachable_time(), want == mesos::v1::TASK_UNREACHABLE);
            };
            cluster.scheduler.reconcile("t", cluster.agent.id.value);
            expect(row.aware, true);
            cluster.scheduler.reconcile("t");
            expect(row.nobody, false);
        }
    }
}

TEST(Reconciliation, OfAKnownTaskTellsItsLatestState) {
    struct Row {
        const char* name;
        mesos::v1::TaskState state;
        bool acknowledged;
        bool implicit;  // Whether it is among all known ones.
    };
    const Row rows[] = {
        {"running", mesos::v1::TASK_RUNNING, true, true},
        {"killing", mesos::v1::TASK_KILLING, true, true},
        {"ended, not acknowledged", mesos::v1::TASK_FINISHED, false, true},
        {"ended and acknowledged", mesos::v1::TASK_FINISHED, true, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Cluster cluster(AgentState::registered, true);
        cluster.bring_to(AgentState::registered);
        cluster.scheduler.call(cluster.scheduler.make(SchedulerCall::REVIVE));
        // The offer was taken with the events of the start: a new one comes when it is declined.
        for (const auto& [id, offer] : std::map(cluster.shell.state().offers)) {
            cluster.scheduler.decline(*offer.info, 0);
        }
        launch(cluster.scheduler, cluster.agent, "t");
        cluster.agent.update(cluster.scheduler.id, "t", row.state);
        const auto updates = cluster.scheduler.updates();
        ASSERT_EQ(updates.size(), 1u);
        if (row.acknowledged) cluster.scheduler.acknowledge(updates[0]);
        cluster.scheduler.take();
        cluster.scheduler.reconcile();
        const auto all = cluster.scheduler.updates();
        ASSERT_EQ(all.size(), row.implicit ? 1u : 0u);
        if (row.implicit) {
            EXPECT_EQ(all[0].state(), row.state);
            EXPECT_EQ(all[0].message(), "Reconciliation: Latest task state");
        }
    }
}

TEST(Reconciliation, NothingIsToldOfTasksThatAreUnreachableUnlessAsked) {
    Cluster cluster(AgentState::unreachable, true);
    cluster.scheduler.reconcile();
    EXPECT_TRUE(cluster.scheduler.updates().empty());
}

TEST(Reconciliation, OfOperationsFollowsTheAgentToo) {
    struct Row {
        AgentState agent;
        mesos::v1::OperationState want;
    };
    const Row rows[] = {
        {AgentState::registered, mesos::v1::OPERATION_UNKNOWN},
        {AgentState::recovered, mesos::v1::OPERATION_RECOVERING},
        {AgentState::unreachable, mesos::v1::OPERATION_UNREACHABLE},
        {AgentState::gone, mesos::v1::OPERATION_GONE_BY_OPERATOR},
        {AgentState::removed, mesos::v1::OPERATION_UNKNOWN},
    };
    for (const Row& row : rows) {
        Cluster cluster(row.agent, true);
        SchedulerCall call = cluster.scheduler.make(SchedulerCall::RECONCILE_OPERATIONS);
        auto& operation = *call.mutable_reconcile_operations()->add_operations();
        operation.mutable_operation_id()->set_value("o");
        operation.mutable_agent_id()->set_value(cluster.agent.id.value);
        cluster.scheduler.call(std::move(call));
        const auto events = cluster.scheduler.take(SchedulerEvent::UPDATE_OPERATION_STATUS);
        ASSERT_EQ(events.size(), 1u);
        EXPECT_EQ(events[0].update_operation_status().status().state(), row.want);
    }
}

}  // namespace
}  // namespace tepui::master::testing
