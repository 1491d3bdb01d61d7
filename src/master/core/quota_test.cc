#include "master/core/quota.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "master/core/core_testing.h"

// UPDATE_QUOTA and its older forms: what is refused, what is stored, which offers end, and what the
// roles get from then on.
namespace tepui::master::testing {
namespace {

using mesos::v1::quota::QuotaConfig;
using ::testing::HasSubstr;
using Only = QuotaUpdateRequested::Only;

QuotaConfig quota(std::string_view role, std::string_view guarantees, std::string_view limits) {
    QuotaConfig config;
    config.set_role(std::string(role));
    const auto fill = [](std::string_view text, auto& amounts) {
        if (text.empty()) return;
        for (const auto& [name, amount] : Resources::parse_flag(text)->scalars()) {
            amounts[name].set_value(amount.to_double());
        }
    };
    fill(guarantees, *config.mutable_guarantees());
    fill(limits, *config.mutable_limits());
    return config;
}

/// What the role and those below it are offered now.
Quantities offered_to(const FakeShell& shell, std::string_view role) {
    Quantities sum;
    for (const auto& [id, offer] : shell.state().offers) {
        if (!role_is_within(offer.role, role)) continue;
        for (const auto& [name, amount] : offer.resources.scalars()) sum[name] += amount;
    }
    return sum;
}

double cpus_offered_to(const FakeShell& shell, std::string_view role) {
    const Quantities all = offered_to(shell, role);
    const auto it = all.find("cpus");
    return it == all.end() ? 0 : it->second.to_double();
}

/// Frameworks in roles a and b that hold an offer of a whole node (8 cpus) each.
struct World {
    World()
        : a(subscribe(shell, modern_info("a"))),
          node1(register_agent(shell, agent_info("node1"))),
          b(subscribe(shell, modern_info("b"))),
          node2(register_agent(shell, agent_info("node2"))) {
        a.take();
        b.take();
    }

    FakeShell shell;
    FakeScheduler a;
    FakeAgent node1;
    FakeScheduler b;
    FakeAgent node2;
};

TEST(Quota, IsDurableBeforeItCounts) {
    World world;
    world.shell.hold_writes();
    const RequestToken request = world.shell.update_quota({quota("a", "cpus:1", "cpus:2")});
    EXPECT_EQ(world.shell.answer(request), nullptr);
    EXPECT_TRUE(world.shell.state().quotas.empty());
    EXPECT_EQ(cpus_offered_to(world.shell, "a"), 8);
    world.shell.persist_all();
    expect_answered(world.shell, request);
    const allocator::Quota stored = {{{"cpus", Quantity{1000}}}, {{"cpus", Quantity{2000}}}};
    EXPECT_EQ(world.shell.state().quotas, (Quotas{{"a", stored}}));
    EXPECT_TRUE(world.shell.registry().contains("quotas/a"));
    world.shell.crash_and_restart();
    EXPECT_EQ(world.shell.state().quotas, (Quotas{{"a", stored}}));
}

TEST(Quota, BadConfigsAreRefusedWholeAndNamed) {
    struct Row {
        QuotaConfig config;
        const char* named;
    };
    const auto odd = [](const char* name, double amount) {
        QuotaConfig config;
        config.set_role("x");
        (*config.mutable_limits())[name].set_value(amount);
        return config;
    };
    const Row rows[] = {
        {quota("x/y", "", "cpus:1"), "'x/y' is below 'x'"},
        {quota("", "", "cpus:1"), "role"},
        {quota("-x", "", "cpus:1"), "-x"},
        {quota("x", "cpus:2", "cpus:1"), "above its limit of 1"},
        {quota("good", "", "cpus:1"), "'good' occurs more than once"},
        {odd("cpus", -1), "cpus -1"},
        {odd("cpus", std::numeric_limits<double>::quiet_NaN()), "cpus nan"},
        {odd("cpus", std::numeric_limits<double>::infinity()), "cpus inf"},
        {odd("cpus", 2e12), "cpus 2"},
        {odd("", 1), "without a name"},
    };
    FakeShell shell;
    for (const Row& row : rows) {
        SCOPED_TRACE(row.named);
        // Force overrides what the cluster says, not what makes no sense.
        expect_refused(
            shell, shell.update_quota({quota("good", "", "mem:64"), row.config}, /*force=*/true),
            Errc::invalid_argument, row.named);
    }
    EXPECT_TRUE(shell.state().quotas.empty());
    EXPECT_FALSE(shell.registry().contains("quotas/good"));
    expect_answered(shell, shell.update_quota({}));
    expect_answered(shell, shell.update_quota({quota("*", "", "cpus:1")}));  // As recorded.
}

TEST(Quota, GuaranteesFitIntoTheClusterUnlessForced) {
    FakeShell shell;
    register_agent(shell, agent_info("node1"));
    register_agent(shell, agent_info("node2"));
    expect_answered(shell, shell.update_quota({quota("a", "cpus:10", "")}));
    expect_refused(shell, shell.update_quota({quota("b", "cpus:7", "")}), Errc::invalid_argument,
                   "17 cpus, and the agents have 16");
    expect_refused(shell, shell.update_quota({quota("b", "cpus:7", "")}, false, Only::if_absent),
                   Errc::conflict, "'force'");
    expect_refused(shell, shell.update_quota({quota("b", "gpus:1", "")}), Errc::invalid_argument,
                   "1 gpus");
    expect_answered(shell, shell.update_quota({quota("b", "cpus:6", "")}));
    // One may go up while another goes down.
    expect_answered(shell,
                    shell.update_quota({quota("a", "cpus:4", ""), quota("b", "cpus:12", "")}));
    expect_answered(shell, shell.update_quota({quota("b", "cpus:20", "")}, /*force=*/true));
    // Too much already, but this doesn't add to it.
    expect_answered(shell, shell.update_quota({quota("b", "cpus:19", "")}));
    expect_answered(shell, shell.update_quota({quota("b", "cpus:19;mem:10", "")}));
    EXPECT_EQ(shell.state().quotas.at("b").guarantees.at("cpus"), Quantity{19'000});
}

TEST(Quota, WhatIsOnItsWayCounts) {
    FakeShell shell;
    register_agent(shell, agent_info("node1"));
    shell.hold_writes();
    const RequestToken first = shell.update_quota({quota("a", "cpus:6", "")});
    expect_refused(shell, shell.update_quota({quota("b", "cpus:6", "")}), Errc::invalid_argument,
                   "12 cpus");
    expect_refused(shell, shell.update_quota({quota("a", "cpus:1", "")}, false, Only::if_absent),
                   Errc::invalid_argument, "has quota already");
    const RequestToken removed = shell.update_quota({quota("a", "", "")}, false, Only::if_present);
    const RequestToken second = shell.update_quota({quota("b", "cpus:6", "")});
    shell.persist_all();
    for (const RequestToken request : {first, removed, second}) expect_answered(shell, request);
    EXPECT_FALSE(shell.state().quotas.contains("a"));
    EXPECT_TRUE(shell.state().quotas.contains("b"));
    shell.crash_and_restart();
    shell.persist_all();
    EXPECT_FALSE(shell.state().quotas.contains("a"));
}

TEST(Quota, LimitsBelowConsumptionNeedForceAndEndNoTask) {
    FakeShell shell;
    FakeScheduler a = subscribe(shell, modern_info("a/sub"));
    FakeAgent node = register_agent(shell, agent_info("node1", "cpus:8;mem:1024;cpus(a):2"));
    launch(a, node, "t1", "cpus:3;mem:128");
    const RoleHolding holding = role_holdings(shell.state()).at("a");
    EXPECT_EQ(holding.consumed.at("cpus"), Quantity{5000}) << "2 reserved and 3 besides";
    EXPECT_EQ(holding.consumed.at("mem"), Quantity{128'000});
    expect_refused(shell, shell.update_quota({quota("a", "", "cpus:4.5")}), Errc::invalid_argument,
                   "has 5 cpus already");
    expect_answered(shell, shell.update_quota({quota("a", "", "cpus:5")}));
    expect_answered(shell, shell.update_quota({quota("a", "", "cpus:1")}, /*force=*/true));
    // It is not above this limit by this call.
    expect_answered(shell, shell.update_quota({quota("a", "", "cpus:1;mem:512")}));
    EXPECT_TRUE(node.take(link::ToAgent::kKillTask).empty());
    EXPECT_EQ(shell.state().agents.at(node.id).tasks.size(), 1u);
}

TEST(Quota, LowerLimitsTakeBackTheOffersOfTheirRoleOnly) {
    World world;
    expect_answered(world.shell, world.shell.update_quota({quota("a", "", "cpus:2;mem:512")}));
    EXPECT_EQ(world.a.take(SchedulerEvent::RESCIND).size(), 1u);
    EXPECT_TRUE(world.b.take(SchedulerEvent::RESCIND).empty());
    const Quantities within = {{"cpus", Quantity{2000}}, {"mem", Quantity{512'000}}};
    EXPECT_EQ(offered_to(world.shell, "a"), within) << "and what it may have is offered anew";
    EXPECT_EQ(cpus_offered_to(world.shell, "b"), 14) << "its own, and what a may not have";
}

TEST(Quota, AnOfferWithinTheLimitStays) {
    World world;
    expect_answered(world.shell, world.shell.update_quota({quota("a", "", "cpus:8;mem:1024")}));
    expect_answered(world.shell, world.shell.update_quota({quota("c", "", "cpus:1")}));
    EXPECT_TRUE(world.a.take().empty());
    EXPECT_TRUE(world.b.take().empty());
}

TEST(Quota, NoMoreIsOfferedThanTheLimitHasLeft) {
    FakeShell shell;
    shell.update_quota({quota("a", "", "cpus:3")}, /*force=*/true);
    FakeScheduler one = subscribe(shell, modern_info("a/x"));
    FakeScheduler two = subscribe(shell, modern_info("a/y"));
    FakeAgent node1 = register_agent(shell, agent_info("node1"));
    register_agent(shell, agent_info("node2"));
    EXPECT_EQ(cpus_offered_to(shell, "a"), 3);
    shell.update_quota({quota("a", "", "")});
    EXPECT_EQ(cpus_offered_to(shell, "a"), 16) << "without a limit all is offered";
}

TEST(Quota, AGuaranteeTakesBackWhatItNeedsFromOthers) {
    FakeShell shell;
    FakeScheduler a = subscribe(shell, modern_info("a"));
    for (int i = 0; i < 4; ++i) register_agent(shell, agent_info(fmt::format("node{}", i)));
    FakeScheduler b = subscribe(shell, modern_info("b"));
    a.take();
    EXPECT_EQ(cpus_offered_to(shell, "a"), 32);
    expect_answered(shell, shell.update_quota({quota("b", "cpus:12", "")}));
    EXPECT_EQ(a.take(SchedulerEvent::RESCIND).size(), 2u) << "two nodes of 8 would do";
    EXPECT_GE(cpus_offered_to(shell, "b"), 12);
    expect_answered(shell, shell.update_quota({quota("b", "cpus:10", "")}));
    EXPECT_TRUE(a.take(SchedulerEvent::RESCIND).empty()) << "a lower one takes nothing";
}

TEST(Quota, WhatIsGuaranteedWaitsForTheRoleThatComesLater) {
    FakeShell shell;
    register_agent(shell, agent_info("node1"));
    expect_answered(shell, shell.update_quota({quota("late", "cpus:5", "")}));
    FakeScheduler a = subscribe(shell, modern_info("a"));
    EXPECT_EQ(cpus_offered_to(shell, "a"), 3) << "the rest is headroom";
    FakeScheduler late = subscribe(shell, modern_info("late"));
    EXPECT_EQ(cpus_offered_to(shell, "late"), 5);
    expect_answered(shell, shell.update_quota({quota("late", "", "")}));
}

TEST(Quota, TheOlderCallsSetAndRemoveOnce) {
    FakeShell shell;
    expect_refused(shell, shell.update_quota({quota("a", "", "")}, false, Only::if_present),
                   Errc::invalid_argument, "'a' has no quota");
    expect_answered(shell, shell.update_quota({quota("a", "cpus:1", "")}, true, Only::if_absent));
    expect_refused(shell, shell.update_quota({quota("a", "cpus:1", "")}, true, Only::if_absent),
                   Errc::invalid_argument, "'a' has quota already");
    expect_answered(shell, shell.update_quota({quota("a", "", "")}, false, Only::if_present));
    EXPECT_TRUE(shell.state().quotas.empty());
    EXPECT_FALSE(shell.registry().contains("quotas/a"));
}

TEST(Quota, AnEmptyConfigEndsItAndTheRoleStaysListed) {
    FakeShell shell;
    expect_answered(shell, shell.update_quota({quota("a", "", "cpus:1")}));
    expect_answered(shell, shell.update_quota({quota("a", "", "")}));
    EXPECT_EQ(shell.state().quotas, (Quotas{{"a", {}}})) << "recorded of Mesos";
    EXPECT_FALSE(shell.registry().contains("quotas/a"));
    expect_refused(shell, shell.update_quota({quota("a", "", "")}, false, Only::if_present),
                   Errc::invalid_argument, "no quota");
    expect_answered(shell, shell.update_quota({quota("a", "cpus:1", "")}, true, Only::if_absent));
    expect_answered(shell, shell.update_quota({quota("a", "", "")}));
    shell.crash_and_restart();
    EXPECT_TRUE(shell.state().quotas.empty());
}

TEST(Quota, ALimitOfZeroIsALimit) {
    World world;
    expect_answered(world.shell, world.shell.update_quota({quota("a", "", "mem:512")}));
    QuotaConfig none = quota("a", "", "mem:512");
    (*none.mutable_limits())["cpus"].set_value(0);
    expect_answered(world.shell, world.shell.update_quota({none}));
    EXPECT_EQ(cpus_offered_to(world.shell, "a"), 0);
    world.shell.crash_and_restart();
    EXPECT_EQ(world.shell.state().quotas.at("a").limits.at("cpus"), Quantity{});
}

TEST(Quota, CorruptRecordsAreNamed) {
    const std::pair<const char*, std::string> rows[] = {
        {"quotas/a", "\xff\xff"},
        {"quotas/b", ""},
        {"quotas/c", encode_quota(quota("c/d", "", "cpus:1"))},
        {"quotas/d", encode_quota(quota("d", "cpus:2", "cpus:1"))}};
    for (const auto& [key, value] : rows) {
        const auto core = Core::create({}, {}, {{key, value}}, 1, {});
        ASSERT_FALSE(core.has_value()) << key;
        EXPECT_EQ(core.error().code, Errc::corrupt);
        EXPECT_THAT(core.error().text, HasSubstr(key));
    }
}

mesos::v1::quota::QuotaRequest request_of(std::string_view role, std::string_view guarantee) {
    mesos::v1::quota::QuotaRequest request;
    request.set_role(std::string(role));
    if (!guarantee.empty()) {
        *request.mutable_guarantee() = Resources::parse_flag(guarantee)->to_proto();
    }
    return request;
}

TEST(QuotaRequest, GuaranteesAndLimitsTheSame) {
    const auto config = quota_config_of(request_of("a", "cpus:2;mem:64"));
    ASSERT_TRUE(config) << config.error().text;
    const auto parsed = parse_quota_config(*config);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->second.guarantees, parsed->second.limits);
    EXPECT_EQ(to_text(parsed->second.limits), "cpus:2, mem:64");
}

TEST(QuotaRequest, TakesPlainScalarsOfATopLevelRole) {
    auto twice = request_of("a", "cpus:2");
    *twice.add_guarantee() = twice.guarantee(0);
    auto revocable = request_of("a", "cpus:2");
    revocable.mutable_guarantee(0)->mutable_revocable();
    auto disk = request_of("a", "disk:2");
    disk.mutable_guarantee(0)->mutable_disk();
    const std::pair<mesos::v1::quota::QuotaRequest, const char*> rows[] = {
        {request_of("*", "cpus:2"), "UPDATE_QUOTA"},
        {request_of("a/b", "cpus:2"), "below 'a'"},
        {request_of("a", ""), "missing"},
        {request_of("a", "ports:[1-2]"), "ports for role 'a' is not a scalar"},
        {request_of("a", "cpus(b):2"), "is reserved"},
        {twice, "more than once"},
        {revocable, "is revocable"},
        {disk, "names a disk"},
    };
    for (const auto& [request, named] : rows) {
        const auto config = quota_config_of(request);
        ASSERT_FALSE(config) << named;
        EXPECT_EQ(config.error().code, Errc::invalid_argument);
        EXPECT_THAT(config.error().text, HasSubstr(named));
    }
}

}  // namespace
}  // namespace tepui::master::testing
