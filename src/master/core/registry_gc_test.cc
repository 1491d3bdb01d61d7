#include "master/core/registry_gc.h"

#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// How long unreachable and gone agents are remembered.
namespace tepui::master::testing {
namespace {

FakeAgent lose_agent(FakeShell& shell, const std::string& hostname) {
    FakeAgent agent = register_agent(shell, agent_info(hostname));
    shell.close_link(agent.link);
    shell.pass(76s);
    EXPECT_TRUE(shell.state().unreachable_agents.contains(agent.id));
    return agent;
}

TEST(RegistryGc, ForgetsByAge) {
    FakeShell shell({.config = {.registry_gc_interval = 1h, .registry_max_agent_age = 24h}});
    const FakeAgent unreachable = lose_agent(shell, "a");
    const FakeAgent gone = register_agent(shell, agent_info("b"));
    shell.mark_gone(gone.id);
    FakeScheduler scheduler = subscribe(shell);
    shell.pass(23h);
    EXPECT_EQ(shell.state().unreachable_agents.size(), 1u);
    EXPECT_EQ(shell.state().gone_agents.size(), 1u);
    shell.pass(3h);
    EXPECT_TRUE(shell.state().unreachable_agents.empty());
    EXPECT_TRUE(shell.state().gone_agents.empty());
    EXPECT_FALSE(shell.registry().contains("agents/" + unreachable.id.value));
    EXPECT_FALSE(shell.registry().contains("agents/" + gone.id.value));
    scheduler.take();
    for (const AgentId& id : {unreachable.id, gone.id}) {
        scheduler.reconcile("t1", id.value);
        EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_UNKNOWN);
    }
    FakeAgent back = unreachable;
    back.reregister({}, {});
    EXPECT_TRUE(shell.state().agents.contains(back.id)) << "unknown, so it may come again";
}

TEST(RegistryGc, ForgetsTheOldestOfTooMany) {
    FakeShell shell({.config = {.registry_gc_interval = 1h, .registry_max_agent_count = 2}});
    std::vector<AgentId> lost;
    for (const char* name : {"a", "b", "c"}) lost.push_back(lose_agent(shell, name).id);
    std::vector<AgentId> gone;
    for (const char* name : {"d", "e", "f"}) {
        gone.push_back(register_agent(shell, agent_info(name)).id);
        shell.mark_gone(gone.back());
        shell.pass(1s);
    }
    shell.pass(2h);
    EXPECT_EQ(shell.state().unreachable_agents.size(), 2u);
    EXPECT_FALSE(shell.state().unreachable_agents.contains(lost[0]));
    EXPECT_EQ(shell.state().gone_agents.size(), 2u) << "counted apart";
    EXPECT_FALSE(shell.state().gone_agents.contains(gone[0]));
}

TEST(RegistryGc, WhatALaterMasterFindsAgesToo) {
    FakeShell shell({.config = {.registry_gc_interval = 1h, .registry_max_agent_age = 24h}});
    const AgentId lost = lose_agent(shell, "a").id;
    shell.pass(23h);
    shell.crash_and_restart();
    ASSERT_TRUE(shell.state().unreachable_agents.contains(lost));
    shell.pass(3h);
    EXPECT_TRUE(shell.state().unreachable_agents.empty());
    EXPECT_FALSE(shell.registry().contains("agents/" + lost.value));
}

TEST(RegistryGc, LeavesAloneWhatIsJustComingBack) {
    FakeShell shell({.config = {.registry_gc_interval = 1h, .registry_max_agent_age = 1h}});
    FakeAgent agent = lose_agent(shell, "a");
    shell.pass(58min);
    shell.hold_writes();
    agent.reregister({}, {});
    for (int i = 0; i < 3; ++i) shell.pass(1h);
    EXPECT_EQ(shell.held_writes(), 1u) << "only the registration";
    shell.persist_all();
    EXPECT_TRUE(shell.state().agents.contains(agent.id));
    EXPECT_TRUE(shell.registry().contains("agents/" + agent.id.value));
}

TEST(RegistryGc, AnAgentThatReturnsWhileItIsBeingForgotten) {
    FakeShell shell({.config = {.registry_gc_interval = 1h, .registry_max_agent_age = 1h}});
    FakeAgent agent = lose_agent(shell, "a");
    shell.hold_writes();
    shell.pass(3h);
    ASSERT_GE(shell.held_writes(), 1u);
    agent.reregister({}, {});
    shell.persist_all();
    EXPECT_TRUE(shell.state().agents.contains(agent.id));
    EXPECT_TRUE(shell.registry().contains("agents/" + agent.id.value));
    EXPECT_TRUE(shell.state().unreachable_agents.empty());
}

TEST(RegistryGc, AClusterWithoutLossesIsNotWoken) {
    FakeShell shell;
    shell.pass(1h);
    EXPECT_EQ(shell.core().next_deadline(), Instant::max());
}

TEST(RegistryGc, NeedsAnInterval) {
    const auto core = Core::create({.registry_gc_interval = Duration::zero()}, {}, {}, 1, {});
    ASSERT_FALSE(core);
    EXPECT_EQ(core.error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace tepui::master::testing
