#include "master/core/allocation_pause.h"

#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// What a master with quota offers after a failover, and when.
namespace tepui::master::testing {
namespace {

mesos::v1::quota::QuotaConfig limit_of_a() {
    mesos::v1::quota::QuotaConfig config;
    config.set_role("a");
    (*config.mutable_limits())["cpus"].set_value(100);
    return config;
}

/// A new master of a cluster of ten agents, of which none is back.
struct World {
    explicit World(bool with_quota = true, CoreConfig config = {}) : shell({.config = config}) {
        for (int i = 0; i < 10; ++i) {
            agents.push_back(register_agent(shell, agent_info(fmt::format("node{}", i))));
        }
        if (with_quota) shell.update_quota({limit_of_a()});
        shell.crash_and_restart();
        subscribe(shell, modern_info("a"));
    }

    void bring_back(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) agents[back++].reregister({}, {});
    }
    std::size_t offers() const { return shell.state().offers.size(); }

    FakeShell shell;
    std::vector<FakeAgent> agents;
    std::size_t back = 0;
};

TEST(AllocationPause, WaitsForFourOfFiveAgents) {
    World world;
    world.bring_back(7);
    EXPECT_EQ(world.offers(), 0u);
    EXPECT_FALSE(world.shell.core().owes_offers()) << "it would spin";
    world.bring_back(1);
    EXPECT_EQ(world.offers(), 8u);
    EXPECT_TRUE(world.shell.logged("8 of 10 agents"));
    world.bring_back(2);
    EXPECT_EQ(world.offers(), 10u);
}

TEST(AllocationPause, EndsAfterTenMinutes) {
    World world;
    world.bring_back(1);
    world.shell.pass(std::chrono::minutes{10} - std::chrono::seconds{1});
    EXPECT_EQ(world.offers(), 0u);
    world.agents[0].pong();
    world.shell.pass(std::chrono::seconds{1});
    EXPECT_FALSE(world.shell.state().allocation_paused);
}

TEST(AllocationPause, IsAsTheConfigurationSays) {
    World world(true, {.allocator_agent_recovery_factor = 0.2,
                       .allocator_recovery_timeout = std::chrono::seconds{20}});
    world.bring_back(1);
    EXPECT_EQ(world.offers(), 0u);
    world.bring_back(1);
    EXPECT_EQ(world.offers(), 2u);

    World quick(true, {.allocator_recovery_timeout = std::chrono::seconds{5}});
    quick.bring_back(1);
    quick.shell.pass(std::chrono::seconds{5});
    EXPECT_EQ(quick.offers(), 1u);
}

TEST(AllocationPause, IsForClustersWithQuota) {
    World world(/*with_quota=*/false);
    world.bring_back(1);
    EXPECT_EQ(world.offers(), 1u);
}

TEST(AllocationPause, NoneWhereNoAgentIsAwaited) {
    FakeShell shell;
    shell.update_quota({limit_of_a()});
    shell.crash_and_restart();
    subscribe(shell, modern_info("a"));
    register_agent(shell);
    EXPECT_EQ(shell.state().offers.size(), 1u);
}

}  // namespace
}  // namespace tepui::master::testing
