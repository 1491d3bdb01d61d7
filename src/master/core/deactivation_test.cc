#include "master/core/deactivation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// DEACTIVATE_AGENT and REACTIVATE_AGENT: what ends, what goes on, and what it outlasts.
namespace tepui::master::testing {
namespace {

using ::testing::HasSubstr;

void change(FakeAgent& agent) { agent.info.mutable_attributes(0)->mutable_text()->set_value("r2"); }

TEST(Deactivation, EndsOffersAndNothingElse) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    shell.pass(6s);
    agent.pong();
    ASSERT_EQ(shell.state().offers.size(), 1u);
    scheduler.take();
    shell.hold_writes();
    const RequestToken request = shell.deactivate(agent.id);
    EXPECT_EQ(shell.answer(request), nullptr) << "stored first";
    EXPECT_TRUE(shell.state().agents.at(agent.id).active());
    EXPECT_TRUE(scheduler.take().empty());
    shell.persist_all();
    expect_answered(shell, request);
    EXPECT_EQ(scheduler.take(SchedulerEvent::RESCIND).size(), 1u);
    const Agent& deactivated = shell.state().agents.at(agent.id);
    EXPECT_TRUE(deactivated.deactivated);
    EXPECT_TRUE(deactivated.connected());
    EXPECT_FALSE(deactivated.active());
    EXPECT_EQ(deactivated.tasks.size(), 1u);

    agent.update(scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_RUNNING);
    scheduler.call(scheduler.make(SchedulerCall::REVIVE));
    shell.subscribe(modern_info());  // Another one, which has refused nothing.
    shell.persist_all();
    agent.update(scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_FINISHED);
    shell.pass(10s);
    EXPECT_TRUE(shell.state().offers.empty());

    const RequestToken back = shell.reactivate(agent.id);
    EXPECT_TRUE(shell.state().offers.empty());
    shell.persist_all();
    expect_answered(shell, back);
    EXPECT_EQ(shell.state().offers.size(), 1u);
    EXPECT_TRUE(shell.state().agents.at(agent.id).active());
    EXPECT_FALSE(record_of(shell, agent.id).deactivated());
}

TEST(Deactivation, OutlastsWhateverBecomesOfTheAgent) {
    const auto nothing = [](FakeShell&, FakeAgent&) {};
    const auto reconnects = [](FakeShell& shell, FakeAgent& agent) {
        shell.close_link(agent.link);
        agent.reregister({}, {});
    };
    const auto changes = [](FakeShell& shell, FakeAgent& agent) {
        shell.close_link(agent.link);
        change(agent);
        agent.reregister({}, {}, /*restarted=*/true);
    };
    const auto master_restarts = [](FakeShell& shell, FakeAgent& agent) {
        shell.crash_and_restart();
        agent.reregister({}, {});
    };
    const auto both_restart = [](FakeShell& shell, FakeAgent& agent) {
        shell.crash_and_restart();
        change(agent);
        agent.reregister({}, {}, /*restarted=*/true);
    };
    const auto is_unreachable = [](FakeShell& shell, FakeAgent& agent) {
        shell.pass(76s);
        ASSERT_TRUE(shell.state().unreachable_agents.contains(agent.id));
        agent.reregister({}, {});
    };
    const auto is_unreachable_and_master_restarts = [](FakeShell& shell, FakeAgent& agent) {
        shell.pass(76s);
        shell.crash_and_restart();
        ASSERT_TRUE(shell.state().unreachable_agents.contains(agent.id));
        agent.reregister({}, {});
    };
    const auto stays_away_after_a_restart = [](FakeShell& shell, FakeAgent& agent) {
        shell.crash_and_restart();
        shell.pass(11min);
        ASSERT_TRUE(shell.state().unreachable_agents.contains(agent.id));
        agent.reregister({}, {});
    };
    const std::pair<const char*, std::function<void(FakeShell&, FakeAgent&)>> rows[] = {
        {"nothing", nothing},
        {"reconnects", reconnects},
        {"changes", changes},
        {"master restarts", master_restarts},
        {"both restart", both_restart},
        {"is unreachable", is_unreachable},
        {"is unreachable, the master restarts", is_unreachable_and_master_restarts},
        {"stays away after a restart", stays_away_after_a_restart}};
    for (const auto& [name, happens] : rows) {
        SCOPED_TRACE(name);
        FakeShell shell;
        FakeAgent agent = register_agent(shell);
        expect_answered(shell, shell.deactivate(agent.id));
        happens(shell, agent);
        ASSERT_TRUE(shell.state().agents.contains(agent.id));
        EXPECT_TRUE(shell.state().agents.at(agent.id).deactivated);
        EXPECT_TRUE(record_of(shell, agent.id).deactivated());
        subscribe(shell);
        EXPECT_TRUE(shell.state().offers.empty());
        expect_answered(shell, shell.reactivate(agent.id));
        EXPECT_EQ(shell.state().offers.size(), 1u);
        EXPECT_FALSE(record_of(shell, agent.id).deactivated());
    }
}

TEST(Deactivation, OfAnAgentThatIsAway) {
    struct Row {
        const char* name;
        std::function<void(FakeShell&, FakeAgent&)> leaves;
    };
    const Row rows[] = {
        {"disconnected", [](FakeShell& shell, FakeAgent& agent) { shell.close_link(agent.link); }},
        {"unreachable", [](FakeShell& shell, FakeAgent&) { shell.pass(76s); }},
        {"recovered", [](FakeShell& shell, FakeAgent&) { shell.crash_and_restart(); }}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        FakeShell shell;
        FakeAgent agent = register_agent(shell);
        row.leaves(shell, agent);
        expect_answered(shell, shell.deactivate(agent.id));
        EXPECT_TRUE(record_of(shell, agent.id).deactivated());
        const bool was_unreachable = shell.state().unreachable_agents.contains(agent.id);
        shell.crash_and_restart();
        EXPECT_EQ(shell.state().unreachable_agents.contains(agent.id), was_unreachable);
        subscribe(shell);
        agent.reregister({}, {});
        EXPECT_TRUE(shell.state().agents.at(agent.id).deactivated);
        EXPECT_TRUE(shell.state().offers.empty());
        shell.close_link(agent.link);
        expect_answered(shell, shell.reactivate(agent.id));
        EXPECT_TRUE(shell.state().offers.empty()) << "it is not connected";
        agent.reregister({}, {});
        EXPECT_EQ(shell.state().offers.size(), 1u);
    }
}

TEST(Deactivation, IsPartOfEveryRecordThatIsWrittenMeanwhile) {
    for (const bool becomes_unreachable : {false, true}) {
        SCOPED_TRACE(becomes_unreachable);
        FakeShell shell;
        FakeAgent agent = register_agent(shell);
        shell.hold_writes();
        const RequestToken request = shell.deactivate(agent.id);
        if (becomes_unreachable) {
            shell.pass(76s);
        } else {
            change(agent);
            agent.reregister({}, {}, /*restarted=*/true);
        }
        EXPECT_EQ(shell.held_writes(), 2u);
        shell.persist_all();
        expect_answered(shell, request);
        EXPECT_EQ(shell.state().unreachable_agents.contains(agent.id), becomes_unreachable);
        EXPECT_TRUE(record_of(shell, agent.id).deactivated());
    }
}

TEST(Deactivation, TheLastWishCounts) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    subscribe(shell);
    shell.hold_writes();
    const RequestToken requests[] = {shell.deactivate(agent.id), shell.reactivate(agent.id),
                                     shell.deactivate(agent.id), shell.reactivate(agent.id)};
    shell.persist_all();
    for (const RequestToken request : requests) expect_answered(shell, request);
    EXPECT_TRUE(shell.state().agents.at(agent.id).active());
    EXPECT_EQ(shell.state().offers.size(), 1u);
    EXPECT_FALSE(record_of(shell, agent.id).deactivated());
    EXPECT_TRUE(shell.state().pending.deactivations.empty());
}

TEST(Deactivation, RefusesWhatMakesNoSense) {
    FakeShell shell;
    const RequestToken unknown = shell.deactivate(AgentId{"none"});
    expect_refused(shell, unknown, Errc::not_found);
    EXPECT_THAT(shell.answer(unknown)->error().text, HasSubstr("none"));
    expect_refused(shell, shell.reactivate(AgentId{"none"}), Errc::not_found);
    FakeAgent agent = register_agent(shell);
    expect_refused(shell, shell.reactivate(agent.id), Errc::conflict);
    shell.hold_writes();
    shell.pass(76s);  // It is being marked unreachable.
    expect_refused(shell, shell.deactivate(agent.id), Errc::unavailable);
    shell.persist_all();
    agent.reregister({}, {});  // It is being registered.
    expect_refused(shell, shell.deactivate(agent.id), Errc::unavailable);
    shell.persist_all();
    const RequestToken first = shell.deactivate(agent.id);
    shell.persist_all();
    expect_answered(shell, first);
    expect_answered(shell, shell.deactivate(agent.id));
    EXPECT_EQ(shell.held_writes(), 0u) << "it is so already";
    shell.mark_gone(agent.id);
    expect_refused(shell, shell.reactivate(agent.id), Errc::unavailable);
    shell.persist_all();
    expect_refused(shell, shell.reactivate(agent.id), Errc::not_found);
}

TEST(Deactivation, IsForgottenWithTheAgent) {
    const auto gone = [](FakeShell& shell, FakeAgent& agent) { shell.mark_gone(agent.id); };
    const auto leaves = [](FakeShell&, FakeAgent& agent) {
        link::ToMaster leave;
        leave.mutable_unregister_agent();
        agent.send(leave);
    };
    const auto ages = [](FakeShell& shell, FakeAgent&) { shell.pass(10min); };
    const std::function<void(FakeShell&, FakeAgent&)> rows[] = {gone, leaves, ages};
    for (const auto& ends : rows) {
        FakeShell shell({.config = {.registry_gc_interval = 1min, .registry_max_agent_age = 2min}});
        FakeAgent agent = register_agent(shell);
        expect_answered(shell, shell.deactivate(agent.id));
        EXPECT_TRUE(shell.state().deactivated_agents.contains(agent.id));
        ends(shell, agent);
        EXPECT_FALSE(shell.state().agents.contains(agent.id));
        EXPECT_TRUE(shell.state().deactivated_agents.empty());
    }
}

}  // namespace
}  // namespace tepui::master::testing
