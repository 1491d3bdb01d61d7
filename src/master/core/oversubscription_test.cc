#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"

namespace tepui::master::testing {
namespace {

link::ToMaster saying(const AgentId& id, std::string_view text, bool revocable = true) {
    link::ToMaster frame;
    frame.set_agent_id(id.value);
    auto& list = *frame.mutable_oversubscribed_resources()->mutable_resources();
    list = Resources::parse_flag(text)->to_proto();
    if (revocable)
        for (auto& resource : list) resource.mutable_revocable();
    return frame;
}

mesos::v1::FrameworkInfo taking_revocable(const std::string& name) {
    mesos::v1::FrameworkInfo info = modern_info();
    info.set_name(name);
    info.add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::REVOCABLE_RESOURCES);
    return info;
}

Resources offered(const std::vector<mesos::v1::Offer>& offers) {
    Resources sum;
    for (const auto& offer : offers) sum += Resources::parse(offer.resources())->unallocated();
    return sum;
}

TEST(Oversubscription, IsOfferedToThoseWhoTakeIt) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler plain = subscribe(shell, modern_info());
    const Resources firm = offered(plain.offers());
    shell.frame(agent.link, saying(agent.id, "cpus:3"));
    EXPECT_TRUE(offered(plain.offers()).empty()) << "it does not take revocable resources";
    FakeScheduler brave = subscribe(shell, taking_revocable("brave"));
    const Resources more = offered(brave.offers());
    EXPECT_EQ(more.revocable().scalar("cpus").to_double(), 3);
    EXPECT_EQ(more, more.revocable()) << "the rest is with the other";
    EXPECT_FALSE(firm.empty());
}

TEST(Oversubscription, OffersOfWhatIsGoneAreTakenBack) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler brave = subscribe(shell, taking_revocable("brave"));
    brave.offers();
    shell.frame(agent.link, saying(agent.id, "cpus:3"));
    EXPECT_EQ(offered(brave.offers()).scalar("cpus").to_double(), 3);
    shell.frame(agent.link, saying(agent.id, "cpus:3"));
    EXPECT_TRUE(brave.take().empty()) << "no news";
    shell.frame(agent.link, saying(agent.id, "cpus:1"));
    const auto events = brave.take();
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].type(), SchedulerEvent::RESCIND);
    EXPECT_EQ(events[1].type(), SchedulerEvent::OFFERS);
    EXPECT_EQ(shell.state().agents.at(agent.id).total.revocable().scalar("cpus").to_double(), 1);
}

TEST(Oversubscription, WhatIsNotRevocableIsNotTaken) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    const Resources before = shell.state().agents.at(agent.id).total;
    shell.frame(agent.link, saying(agent.id, "cpus:3", false));
    EXPECT_EQ(shell.state().agents.at(agent.id).total, before);
    EXPECT_TRUE(shell.logged("not revocable"));
    shell.frame(agent.link, saying(agent.id, "cpus(role):3"));
    EXPECT_EQ(shell.state().agents.at(agent.id).total, before);
}

TEST(OfferSizes, TheConfigurationSaysWhatIsWorthAnOffer) {
    CoreConfig config;
    config.min_allocatable = {{{"cpus", Quantity{1'000'000}}}};
    FakeShell shell({.config = config});
    register_agent(shell);
    FakeScheduler scheduler = subscribe(shell, modern_info());
    EXPECT_TRUE(scheduler.offers().empty()) << "nobody has a thousand CPUs";
}

TEST(OfferSizes, GpusAreForThoseWhoAskUnlessConfigured) {
    for (const bool filtered : {true, false}) {
        CoreConfig config;
        config.filter_gpu_resources = filtered;
        FakeShell shell({.config = config});
        mesos::v1::AgentInfo info = agent_info();
        *info.mutable_resources() = Resources::parse_flag("cpus:4;mem:1024;gpus:1")->to_proto();
        register_agent(shell, info);
        FakeScheduler scheduler = subscribe(shell, modern_info());
        EXPECT_EQ(scheduler.offers().empty(), filtered);
    }
}

}  // namespace
}  // namespace tepui::master::testing
