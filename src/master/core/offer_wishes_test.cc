#include "master/core/offer_wishes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "master/core/core_testing.h"

// What frameworks may say about the offers they want, and that it reaches the allocator.
namespace tepui::master::testing {
namespace {

using ::testing::HasSubstr;

void want_least(mesos::v1::FrameworkInfo& info, const std::string& role, double cpus) {
    auto& least = *(*info.mutable_offer_filters())[role].mutable_min_allocatable_resources();
    (*least.add_quantities()->mutable_quantities())["cpus"].set_value(cpus);
}

mesos::v1::scheduler::OfferConstraints want_row(const std::string& role, const std::string& regex) {
    mesos::v1::scheduler::OfferConstraints constraints;
    auto& constraint =
        *(*constraints.mutable_role_constraints())[role].add_groups()->add_attribute_constraints();
    constraint.mutable_selector()->set_attribute_name("row");
    constraint.mutable_predicate()->mutable_text_matches()->set_regex(regex);
    return constraints;
}

mesos::v1::AgentInfo on_row(std::string_view hostname, const std::string& row) {
    mesos::v1::AgentInfo info = agent_info(hostname);
    mesos::v1::Attribute& attribute = *info.add_attributes();
    attribute.set_name("row");
    attribute.set_type(mesos::v1::Value::TEXT);
    attribute.mutable_text()->set_value(row);
    return info;
}

TEST(OfferFilters, AreAmountsForTheFrameworksRoles) {
    mesos::v1::FrameworkInfo info = modern_info("a");
    want_least(info, "a", 2);
    want_least(info, "a", 0.5);
    const auto filters = parse_offer_filters(info);
    ASSERT_TRUE(filters) << filters.error().text;
    const std::vector<Quantities> least{{{"cpus", Quantity{2000}}}, {{"cpus", Quantity{500}}}};
    EXPECT_EQ(filters->at("a"), least);

    const std::pair<const char*, double> rows[] = {
        {"b", 1}, {"a", 0}, {"a", -1}, {"a", std::numeric_limits<double>::quiet_NaN()}};
    for (const auto& [role, cpus] : rows) {
        mesos::v1::FrameworkInfo bad = modern_info("a");
        want_least(bad, role, cpus);
        const auto refused = parse_offer_filters(bad);
        ASSERT_FALSE(refused) << role << cpus;
        EXPECT_EQ(refused.error().code, Errc::invalid_argument);
        EXPECT_THAT(refused.error().text, HasSubstr(fmt::format("role '{}'", role)));
    }
}

TEST(OfferFilters, ABadOneEndsTheSubscription) {
    FakeShell shell;
    mesos::v1::FrameworkInfo info = modern_info("a");
    want_least(info, "other", 1);
    const StreamId stream = shell.subscribe(info);
    const auto events = shell.take_events(stream);
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events[0].type(), SchedulerEvent::ERROR);
    EXPECT_THAT(events[0].error().message(), HasSubstr("'other'"));
    EXPECT_TRUE(shell.state().frameworks.empty());
}

TEST(OfferFilters, DecideWhatIsOffered) {
    FakeShell shell;
    mesos::v1::FrameworkInfo info = modern_info("a");
    want_least(info, "a", 5);
    FakeScheduler scheduler = subscribe(shell, info);
    register_agent(shell, agent_info("small", "cpus:4;mem:1024"));
    EXPECT_TRUE(shell.state().offers.empty());
    register_agent(shell, agent_info("large", "cpus:6;mem:1024"));
    EXPECT_EQ(scheduler.offer().hostname(), "large");
    shell.crash_and_restart();
    EXPECT_EQ(info_of(shell, scheduler.id).offer_filters_size(), 1) << "they are in the registry";
}

TEST(OfferConstraints, DecideWhichAgentsAreOffered) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell, modern_info("a"));
    SchedulerCall call = scheduler.make(SchedulerCall::UPDATE_FRAMEWORK);
    auto& update = *call.mutable_update_framework();
    *update.mutable_framework_info() = info_of(shell, scheduler.id);
    *update.mutable_offer_constraints() = want_row("a", "r[2-9]");
    ASSERT_TRUE(shell.core().check_call(call, scheduler.stream));
    scheduler.call(call);
    register_agent(shell, on_row("one", "r1"));
    register_agent(shell, on_row("two", "r2"));
    EXPECT_EQ(scheduler.offer().hostname(), "two");

    *update.mutable_offer_constraints() = want_row("a", "r1|r2");
    scheduler.call(call);
    EXPECT_EQ(scheduler.offer().hostname(), "one");
    for (const auto& [role, regex] : {std::pair{"a", "("}, std::pair{"b", "r1"}}) {
        *update.mutable_offer_constraints() = want_row(role, regex);
        const auto judged = shell.core().check_call(call, scheduler.stream);
        ASSERT_FALSE(judged);
        EXPECT_EQ(judged.error().code, Errc::invalid_argument);
        EXPECT_THAT(judged.error().text, HasSubstr(role));
    }
}

TEST(OfferConstraints, AnExpressionCostsNoMoreThanTheFlagsAllow) {
    const mesos::v1::FrameworkInfo info = modern_info("a");
    const auto costly = want_row("a", "(rack[0-9]{1,50}){1,5}");
    EXPECT_FALSE(parse_offer_constraints(info, costly, {}));
    EXPECT_TRUE(parse_offer_constraints(info, costly,
                                        {.memory_bytes_max = 1 << 20, .program_size_max = 10'000}));
}

TEST(MasterRoles, OnlyThoseOfTheFlagMayBeUsed) {
    FakeShell shell({.config = {.roles = std::set<std::string>{"*", "a"}}});
    subscribe(shell, modern_info("a"));
    subscribe(shell, modern_info("*"));
    EXPECT_EQ(shell.state().frameworks.size(), 2u);
    const auto events = shell.take_events(shell.subscribe(modern_info("b")));
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events[0].type(), SchedulerEvent::ERROR);
    EXPECT_THAT(events[0].error().message(), HasSubstr("'b' is not among the master's --roles"));
    const Result<void>* weights = shell.answer(shell.update_weights({{"b", 2}}));
    ASSERT_NE(weights, nullptr);
    EXPECT_FALSE(*weights);
    mesos::v1::quota::QuotaConfig config;
    config.set_role("b");
    const Result<void>* quota = shell.answer(shell.update_quota({config}));
    ASSERT_NE(quota, nullptr);
    EXPECT_FALSE(*quota);
}

}  // namespace
}  // namespace tepui::master::testing
