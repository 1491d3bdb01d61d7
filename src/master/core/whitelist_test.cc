#include "master/core/whitelist.h"

#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// Which agents are offered, as --whitelist says and as it changes.
namespace tepui::master::testing {
namespace {

using Hostnames = std::set<std::string>;

TEST(Whitelist, OffersWhatItNames) {
    FakeShell shell({.config = {.whitelist = Hostnames{"node1"}}});
    FakeScheduler scheduler = subscribe(shell);
    const FakeAgent node1 = register_agent(shell, agent_info("node1"));
    FakeAgent node2 = register_agent(shell, agent_info("node2"));
    const auto offer = scheduler.offer();
    EXPECT_EQ(offer.hostname(), "node1");

    shell.whitelist(Hostnames{"node2"});
    const auto events = scheduler.take();
    ASSERT_EQ(events.size(), 1u) << "what is offered stays so";
    ASSERT_EQ(events[0].type(), SchedulerEvent::OFFERS);
    EXPECT_EQ(events[0].offers().offers(0).hostname(), "node2");

    scheduler.decline(offer, 0);
    shell.pass(std::chrono::minutes{1});
    EXPECT_TRUE(scheduler.offers().empty()) << "but it does not come again";
    shell.whitelist(std::nullopt);
    EXPECT_EQ(scheduler.offer().hostname(), "node1");
}

TEST(Whitelist, AnEmptyOneOffersNothing) {
    FakeShell shell;
    shell.whitelist(Hostnames{});
    subscribe(shell);
    register_agent(shell);
    EXPECT_TRUE(shell.state().offers.empty());
    EXPECT_EQ(shell.state().agents.size(), 1u) << "it is registered all the same";
}

}  // namespace
}  // namespace tepui::master::testing
