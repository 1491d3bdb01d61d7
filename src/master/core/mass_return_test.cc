#include <gtest/gtest.h>

#include "master/core/core_testing.h"
#include "master/core/ledger.h"
#include "master/core/registry_codec.h"

// A new master, and thousands of agents that come back to it at once: what that costs is counted,
// not timed.
namespace tepui::master::testing {
namespace {

constexpr int agent_count = 5000;
constexpr int tasks_each = 10;

FrameworkId framework_id() { return FrameworkId{"m0-0000"}; }

mesos::v1::FrameworkInfo stored_framework() {
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(framework_id().value);
    return info;
}

mesos::v1::AgentInfo stored_agent(int index) {
    mesos::v1::AgentInfo info = agent_info(fmt::format("node{}", index));
    info.mutable_id()->set_value(fmt::format("m0-S{}", index));
    return info;
}

// The state of the cluster as the last master left it in the registry.
class MassReturn : public ::testing::Test {
protected:
    MassReturn() : shell({.check_ledger = false}) {
        const WallTime then = shell.now().wall;
        for (int i = 0; i < agent_count; ++i) {
            const mesos::v1::AgentInfo info = stored_agent(i);
            shell.set_registry(agent_key(AgentId{info.id().value()}),
                               encode_agent(info, "1.12.0", then, std::nullopt));
        }
        shell.set_registry(framework_key(framework_id()),
                           encode_connected(stored_framework(), then));
        shell.crash_and_restart();
        shell.hold_writes();
    }

    FakeAgent come_back(int index, mesos::v1::AgentInfo info) {
        FakeAgent agent{shell, {}, AgentId{info.id().value()}, info};
        std::vector<mesos::v1::Task> tasks;
        for (int i = 0; i < tasks_each; ++i) {
            tasks.push_back(reported_task(framework_id(), fmt::format("t{}-{}", index, i),
                                          mesos::v1::TASK_RUNNING, "cpus:0.1;mem:10"));
        }
        agent.reregister(tasks, {stored_framework()});
        return agent;
    }

    FakeShell shell;
};

TEST_F(MassReturn, UnchangedAgentsCostNoWriteAndTwoFramesEach) {
    ASSERT_EQ(shell.state().recovered_agents.size(), std::size_t{agent_count});
    shell.subscribe(stored_framework());
    shell.persist_all();
    const std::size_t timers_before = shell.state().timers.size();
    std::size_t frames = 0;
    std::vector<FakeAgent> agents;
    for (int i = 0; i < agent_count; ++i) {
        agents.push_back(come_back(i, stored_agent(i)));
        const auto sent = agents.back().take();
        frames += sent.size();
        ASSERT_TRUE(sent.at(0).has_agent_reregistered());
        EXPECT_EQ(sent.at(0).agent_reregistered().completed_frameworks_size(), 0);
    }
    EXPECT_EQ(shell.held_writes(), 0u) << "the registry knows them as they are";
    EXPECT_EQ(frames, std::size_t{2 * agent_count}) << "the answer and the first ping";
    EXPECT_EQ(shell.state().agents.size(), std::size_t{agent_count});
    EXPECT_EQ(shell.state().recovered_agents.size(), 0u);
    EXPECT_EQ(shell.state().frameworks.at(framework_id()).tasks.size(),
              std::size_t{agent_count * tasks_each});
    EXPECT_LE(shell.state().timers.size(), timers_before + agent_count) << "one ping each";
    EXPECT_EQ(shell.state().counters.at("slave_reregistrations"), std::uint64_t{agent_count});
    EXPECT_TRUE(ledger_balances(shell.state()));
    // Their time to come back passes without anything happening to them.
    for (FakeAgent& agent : agents) agent.pong();
    shell.pass(10s);
    EXPECT_EQ(shell.state().counters.at("slave_unreachable_scheduled"), 0u);
}

TEST_F(MassReturn, ChangedAgentsCostOneWriteEach) {
    std::vector<LinkId> links;
    for (int i = 0; i < agent_count; ++i) {
        mesos::v1::AgentInfo info = stored_agent(i);
        info.mutable_attributes(0)->mutable_text()->set_value("r2");
        const FakeAgent agent = come_back(i, info);
        EXPECT_TRUE(shell.take_frames(agent.link).empty()) << "stored first";
        links.push_back(agent.link);
    }
    EXPECT_EQ(shell.held_writes(), std::size_t{agent_count});
    shell.persist_all();
    std::size_t frames = 0;
    for (const LinkId link : links) frames += shell.take_frames(link).size();
    EXPECT_EQ(frames, std::size_t{2 * agent_count});
    EXPECT_TRUE(ledger_balances(shell.state()));
}

TEST_F(MassReturn, ThoseThatStayAwayCostOneWriteEachAndOneStep) {
    shell.pass(10min);
    EXPECT_EQ(shell.held_writes(), std::size_t{agent_count});
    shell.persist_all();
    EXPECT_EQ(shell.state().unreachable_agents.size(), std::size_t{agent_count});
    EXPECT_TRUE(shell.state().timers.size() < 10) << "nothing is left to wait for";
}

}  // namespace
}  // namespace tepui::master::testing
