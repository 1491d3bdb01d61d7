#include "master/core/removals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// Who is given up when: the rate limit, what ends the wait, the limit after a failover.
namespace tepui::master::testing {
namespace {

using ::testing::HasSubstr;

CoreConfig limited(RemovalRate rate) { return {.agent_removal_rate_limit = rate}; }

std::uint64_t counter(const FakeShell& shell, const char* name) {
    return shell.state().counters.at(name);
}

std::vector<FakeAgent> register_agents(FakeShell& shell, int count) {
    std::vector<FakeAgent> agents;
    for (int i = 0; i < count; ++i) {
        agents.push_back(register_agent(shell, agent_info(fmt::format("node{}", i))));
    }
    return agents;
}

TEST(RemovalRate, Parses) {
    EXPECT_EQ(*parse_removal_rate("1/10mins"), (RemovalRate{1, 10min}));
    EXPECT_EQ(*parse_removal_rate("20/1hrs"), (RemovalRate{20, 1h}));
    EXPECT_EQ(parse_removal_rate("20/1hrs")->interval(), Duration{3min});
    EXPECT_EQ((RemovalRate{1000, Duration{1}}).interval(), Duration{1}) << "never none at all";
    for (const char* wrong : {"", "1", "/10mins", "1/", "0/10mins", "-1/10mins", "1/0secs",
                              "1.5/10mins", "1/10", "x/10mins", "1/10mins/2", " 1/10mins"}) {
        const auto rate = parse_removal_rate(wrong);
        ASSERT_FALSE(rate) << wrong;
        EXPECT_THAT(rate.error().text, HasSubstr("1/10mins"));
    }
    EXPECT_EQ(*parse_share("100%"), 1.0);
    EXPECT_EQ(*parse_share("0%"), 0.0);
    EXPECT_EQ(*parse_share("12.5%"), 0.125);
    for (const char* wrong : {"", "%", "1", "101%", "-1%", "x%", "nan%"}) {
        EXPECT_FALSE(parse_share(wrong)) << wrong;
    }
}

TEST(RemovalQueue, GivesTokensEvenlyAndInOrder) {
    RemovalQueue queue;
    const std::optional<RemovalRate> rate = RemovalRate{2, 20s};
    const Instant start{1h};
    for (const char* id : {"c", "a", "b"}) EXPECT_TRUE(queue.push(AgentId{id}, "why"));
    EXPECT_FALSE(queue.push(AgentId{"a"}, "again"));
    EXPECT_EQ(queue.take(start, rate)->agent, AgentId{"c"});
    EXPECT_FALSE(queue.take(start, rate));
    EXPECT_EQ(queue.next_token(), (Instant{1h + 10s}));
    EXPECT_FALSE(queue.take(Instant{1h + 9s}, rate));
    EXPECT_TRUE(queue.cancel(AgentId{"a"}));
    EXPECT_FALSE(queue.cancel(AgentId{"a"}));
    EXPECT_TRUE(queue.push(AgentId{"a"}, "anew")) << "behind the others";
    EXPECT_EQ(queue.take(Instant{1h + 10s}, rate)->agent, AgentId{"b"});
    EXPECT_EQ(queue.take(Instant{2h}, rate)->message, "anew");
    EXPECT_TRUE(queue.empty());
    EXPECT_TRUE(queue.push(AgentId{"d"}, "why"));
    EXPECT_FALSE(queue.take(Instant{2h + 9s}, rate)) << "tokens are not saved up";
    EXPECT_TRUE(queue.take(Instant{2h + 9s}, std::nullopt)) << "without a rate at once";
}

TEST(Removals, AreSpreadByTheRate) {
    FakeShell shell({.config = limited({1, 10min})});
    const auto agents = register_agents(shell, 3);
    shell.pass(76s);  // All of them fail at once.
    EXPECT_EQ(shell.state().unreachable_agents.size(), 1u);
    EXPECT_EQ(counter(shell, "slave_unreachable_scheduled"), 3u);
    EXPECT_EQ(counter(shell, "slave_unreachable_completed"), 1u);
    shell.pass(9min);
    EXPECT_EQ(shell.state().unreachable_agents.size(), 1u);
    shell.pass(1min);
    EXPECT_EQ(shell.state().unreachable_agents.size(), 2u);
    shell.pass(10min);
    EXPECT_EQ(shell.state().unreachable_agents.size(), 3u);
    EXPECT_EQ(counter(shell, "slave_unreachable_scheduled"), 3u) << "each once";
    EXPECT_EQ(counter(shell, "slave_unreachable_completed"), 3u);
    EXPECT_EQ(counter(shell, "slave_unreachable_canceled"), 0u);
}

TEST(Removals, ALatePongEndsTheWait) {
    FakeShell shell({.config = limited({1, 10min})});
    auto agents = register_agents(shell, 2);
    shell.pass(76s);
    ASSERT_EQ(shell.state().unreachable_agents.size(), 1u);
    FakeAgent& waiting = shell.state().agents.contains(agents[0].id) ? agents[0] : agents[1];
    waiting.take();
    shell.pass(15s);
    EXPECT_FALSE(waiting.take(link::ToAgent::kPing).empty()) << "else no pong could come";
    waiting.pong();
    EXPECT_EQ(counter(shell, "slave_unreachable_canceled"), 1u);
    for (int i = 0; i < 60; ++i) {
        shell.pass(15s);
        waiting.pong();
    }
    EXPECT_TRUE(shell.state().agents.contains(waiting.id));
    EXPECT_EQ(counter(shell, "slave_unreachable_completed"), 1u);
}

TEST(Removals, ARegistrationEndsTheWait) {
    for (const bool changed : {false, true}) {  // Changed: the registry is written first.
        SCOPED_TRACE(changed);
        FakeShell shell({.config = limited({1, 10min})});
        auto agents = register_agents(shell, 2);
        for (FakeAgent& agent : agents) shell.close_link(agent.link);
        shell.pass(76s);
        ASSERT_EQ(shell.state().unreachable_agents.size(), 1u);
        FakeAgent& waiting = shell.state().agents.contains(agents[0].id) ? agents[0] : agents[1];
        if (changed) waiting.info.mutable_attributes(0)->mutable_text()->set_value("r2");
        waiting.reregister({}, {});
        EXPECT_TRUE(shell.state().agents.at(waiting.id).connected());
        EXPECT_EQ(counter(shell, "slave_unreachable_canceled"), 1u);
        for (int i = 0; i < 60; ++i) {
            shell.pass(15s);
            waiting.pong();
        }
        EXPECT_TRUE(shell.state().agents.contains(waiting.id));
    }
}

TEST(Removals, ARegistrationThatIsNotStoredDoesNotSaveTheAgentForEver) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    shell.crash_and_restart();
    ASSERT_TRUE(shell.state().recovered_agents.contains(agent.id));
    shell.hold_writes();
    agent.info.mutable_attributes(0)->mutable_text()->set_value("r2");  // Has to be stored.
    shell.pass(10min - 1s);
    agent.reregister({}, {});
    shell.pass(2s);
    EXPECT_EQ(counter(shell, "slave_unreachable_scheduled"), 0u) << "it is coming back";
    shell.close_link(agent.link);
    shell.persist_all();
    EXPECT_TRUE(shell.state().recovered_agents.contains(agent.id));
    shell.pass(1min);
    shell.persist_all();
    EXPECT_TRUE(shell.state().unreachable_agents.contains(agent.id));
}

TEST(Removals, AnAgentThatLeavesWhileItWaitsIsOnlyRemoved) {
    FakeShell shell({.config = limited({1, 10min})});
    auto agents = register_agents(shell, 2);
    shell.pass(76s);
    ASSERT_EQ(shell.state().unreachable_agents.size(), 1u);
    FakeAgent& waiting = shell.state().agents.contains(agents[0].id) ? agents[0] : agents[1];
    link::ToMaster leave;
    leave.mutable_unregister_agent();
    waiting.send(leave);
    EXPECT_FALSE(shell.state().agents.contains(waiting.id));
    EXPECT_EQ(counter(shell, "slave_unreachable_canceled"), 1u);
    shell.pass(1h);
    EXPECT_EQ(counter(shell, "slave_unreachable_completed"), 1u);
}

TEST(Recovery, ThoseThatStayAwayAreSpreadByTheRateToo) {
    FakeShell shell({.config = limited({1, 10min})});
    auto agents = register_agents(shell, 3);
    FakeScheduler before = subscribe(shell);
    shell.crash_and_restart();
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(before.id.value);
    FakeScheduler scheduler = subscribe(shell, info);
    agents[0].reregister({}, {});
    scheduler.take();
    for (int i = 0; i < 41; ++i) {
        shell.pass(15s);
        agents[0].pong();
    }
    EXPECT_EQ(shell.state().unreachable_agents.size(), 1u);
    EXPECT_EQ(shell.state().recovered_agents.size(), 1u);
    const auto failures = scheduler.take(SchedulerEvent::FAILURE);
    ASSERT_EQ(failures.size(), 1u) << "no task of it is known, so this is all there is to tell";
    EXPECT_FALSE(failures[0].failure().has_executor_id());
    const AgentId late = shell.state().recovered_agents.begin()->first;
    FakeAgent& waiting = late == agents[1].id ? agents[1] : agents[2];
    waiting.reregister({}, {});
    EXPECT_EQ(counter(shell, "slave_unreachable_canceled"), 1u);
    EXPECT_TRUE(shell.state().agents.at(late).connected());
    EXPECT_EQ(counter(shell, "recovery_slave_removals"), 1u);
    EXPECT_EQ(counter(shell, "slave_unreachable_scheduled"), 2u);
}

TEST(Recovery, TheMasterEndsWhenTooManyStayAway) {
    struct Row {
        int agents;
        int back;
        double limit;
        bool ends;
    };
    const Row rows[] = {
        {4, 0, 1, false}, {4, 2, 0.5, false}, {4, 1, 0.5, true}, {4, 3, 0, true}, {4, 4, 0, false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(::testing::Message()
                     << row.back << " of " << row.agents << " back, limit " << row.limit);
        FakeShell shell({.config = {.recovery_agent_removal_limit = row.limit}});
        auto agents = register_agents(shell, row.agents);
        shell.crash_and_restart();
        for (int i = 0; i < row.back; ++i) agents[static_cast<std::size_t>(i)].reregister({}, {});
        for (int second = 0; second < 600; second += 15) {
            shell.pass(15s);
            for (int i = 0; i < row.back; ++i) agents[static_cast<std::size_t>(i)].pong();
        }
        EXPECT_EQ(shell.ended().has_value(), row.ends);
        const auto missing = static_cast<std::size_t>(row.agents - row.back);
        EXPECT_EQ(shell.state().unreachable_agents.size(), row.ends ? 0 : missing);
        if (!row.ends) continue;
        EXPECT_THAT(*shell.ended(), HasSubstr("--recovery_agent_removal_limit"));
        EXPECT_THAT(*shell.ended(), HasSubstr(fmt::format("{} of 4 agents", missing)));
    }
}

}  // namespace
}  // namespace tepui::master::testing
