#include "master/core/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "master/core/core_testing.h"

// UPDATE_WEIGHTS: what is stored, what counts after a restart, and which offers end.
namespace tepui::master::testing {
namespace {

using ::testing::HasSubstr;
using Weights = std::map<std::string, double>;

std::size_t offers_to(const FakeShell& shell, std::string_view role) {
    const auto& offers = shell.state().offers;
    return static_cast<std::size_t>(std::ranges::count_if(
        offers, [&](const auto& entry) { return entry.second.role == role; }));
}

/// Two frameworks of different roles that hold an offer each.
struct World {
    explicit World(std::string_view first = "a", std::string_view second = "b")
        : a(subscribe(shell, modern_info(first))),
          node1(register_agent(shell, agent_info("node1"))),
          b(subscribe(shell, modern_info(second))),
          node2(register_agent(shell, agent_info("node2"))) {
        a.take();
        b.take();
    }

    std::size_t rescinded() {
        return a.take(SchedulerEvent::RESCIND).size() + b.take(SchedulerEvent::RESCIND).size();
    }

    FakeShell shell;
    FakeScheduler a;
    FakeAgent node1;  // Its offer is there before `b` is.
    FakeScheduler b;
    FakeAgent node2;
};

TEST(Weights, AreDurableBeforeTheyCountAndRescindAllOffers) {
    World world;
    ASSERT_EQ(offers_to(world.shell, "a"), 1u);
    ASSERT_EQ(offers_to(world.shell, "b"), 1u);
    world.shell.hold_writes();
    const RequestToken request = world.shell.update_weights({{"a", 2.5}});
    EXPECT_EQ(world.shell.answer(request), nullptr);
    EXPECT_TRUE(world.shell.state().weights.empty());
    EXPECT_TRUE(world.a.take().empty());
    world.shell.persist_all();
    expect_answered(world.shell, request);
    EXPECT_EQ(world.shell.state().weights, (Weights{{"a", 2.5}}));
    for (FakeScheduler* scheduler : {&world.a, &world.b}) {
        const auto events = scheduler->take();
        ASSERT_GE(events.size(), 1u);
        EXPECT_EQ(events[0].type(), SchedulerEvent::RESCIND);
    }
    EXPECT_EQ(world.shell.state().offers.size(), 2u) << "all is offered again";
}

TEST(Weights, OnlyAShareInUseEndsOffers) {
    struct Row {
        const char* role;
        double weight;
        std::size_t rescinded;
    };
    const Row rows[] = {
        {"c", 3, 0},     // Nobody has it.
        {"a", 3, 0},     // "ab" is no part of it.
        {"ab", 1, 0},    // As it was.
        {"ab", 2, 2},    // In use.
        {"ab", 2, 0},    // As it was.
        {"ab/c", 2, 0},  // Below what is in use.
        {"team", 2, 2},  // Above what is in use.
        {"team/x", 2, 2},
    };
    World world("ab", "team/x");
    for (const Row& row : rows) {
        SCOPED_TRACE(row.role);
        world.rescinded();
        expect_answered(world.shell, world.shell.update_weights({{row.role, row.weight}}));
        EXPECT_EQ(world.rescinded(), row.rescinded);
        EXPECT_EQ(world.shell.state().weights.at(row.role), row.weight);
    }
}

TEST(Weights, DecideWhoGetsWhat) {
    FakeShell shell;
    const FakeScheduler a = subscribe(shell, modern_info("a"));
    const FakeScheduler b = subscribe(shell, modern_info("b"));
    for (int i = 0; i < 6; ++i) register_agent(shell, agent_info(fmt::format("node{}", i)));
    EXPECT_EQ(offers_to(shell, "a"), 3u);
    EXPECT_EQ(offers_to(shell, "b"), 3u);
    shell.update_weights({{"a", 2}});
    EXPECT_EQ(offers_to(shell, "a"), 4u);
    EXPECT_EQ(offers_to(shell, "b"), 2u);
    shell.update_weights({{"a", 1}, {"b", 5}});
    EXPECT_EQ(offers_to(shell, "a"), 1u);
    EXPECT_EQ(offers_to(shell, "b"), 5u);
}

TEST(Weights, BadOnesAreRefusedWhole) {
    const std::pair<const char*, double> rows[] = {{"a//b", 1},
                                                   {"", 1},
                                                   {"-a", 1},
                                                   {"a b", 1},
                                                   {"x", 0},
                                                   {"x", -1},
                                                   {"x", std::numeric_limits<double>::infinity()},
                                                   {"x", std::numeric_limits<double>::quiet_NaN()}};
    FakeShell shell;
    for (const auto& [role, weight] : rows) {
        SCOPED_TRACE(fmt::format("{}={}", role, weight));
        const Result<void>* answer =
            shell.answer(shell.update_weights({{"good", 2}, {role, weight}}));
        ASSERT_NE(answer, nullptr);
        ASSERT_FALSE(*answer);
        EXPECT_EQ(answer->error().code, Errc::invalid_argument);
        EXPECT_THAT(answer->error().text, HasSubstr(role));
    }
    EXPECT_TRUE(shell.state().weights.empty());
    shell.crash_and_restart();
    EXPECT_TRUE(shell.state().weights.empty());
    expect_answered(shell, shell.update_weights({}));
}

TEST(Weights, TheRegistryCountsMoreThanTheConfiguration) {
    FakeShell shell({.config = {.weights = {{"a", 2}, {"b", 3}}}});
    EXPECT_EQ(shell.state().weights, (Weights{{"a", 2}, {"b", 3}}));
    shell.crash_and_restart();
    EXPECT_FALSE(shell.logged("--weights is ignored"));
    shell.update_weights({{"b", 5}});
    shell.update_weights({{"x/y z", 1}, {"x/y", 4}});  // The first is refused.
    shell.update_weights({{"x/y", 4}});
    const Weights all{{"a", 2}, {"b", 5}, {"x/y", 4}};
    shell.crash_and_restart();
    EXPECT_EQ(shell.state().weights, all);
    EXPECT_TRUE(shell.logged("--weights is ignored"));

    FakeShell other({.config = {.weights = {{"a", 9}}}});
    for (const auto& [key, value] : shell.registry()) other.set_registry(key, value);
    other.crash_and_restart();
    EXPECT_EQ(other.state().weights, all);
}

TEST(Weights, RecoveredOnesWeigh) {
    FakeShell shell;
    shell.update_weights({{"a", 2}});
    shell.crash_and_restart();
    subscribe(shell, modern_info("a"));
    subscribe(shell, modern_info("b"));
    for (int i = 0; i < 6; ++i) register_agent(shell, agent_info(fmt::format("node{}", i)));
    EXPECT_EQ(offers_to(shell, "a"), 4u);
}

TEST(Weights, ACrashBeforeTheWriteLeavesNone) {
    FakeShell shell({.config = {.weights = {{"a", 2}}}});
    shell.hold_writes();
    const RequestToken first = shell.update_weights({{"a", 4}});
    const RequestToken second = shell.update_weights({{"b", 5}});
    EXPECT_TRUE(shell.persist_one());
    EXPECT_NE(shell.answer(first), nullptr);
    EXPECT_EQ(shell.answer(second), nullptr);
    shell.crash_and_restart();
    EXPECT_EQ(shell.state().weights, (Weights{{"a", 4}}));
}

TEST(Weights, BothOfTwoUpdatesUnderWayLast) {
    FakeShell shell({.config = {.weights = {{"a", 2}}}});
    shell.hold_writes();
    shell.update_weights({{"a", 4}});
    shell.update_weights({{"b", 5}});
    shell.persist_all();
    EXPECT_EQ(shell.state().weights, (Weights{{"a", 4}, {"b", 5}}));
    shell.crash_and_restart();
    shell.persist_all();
    EXPECT_EQ(shell.state().weights, (Weights{{"a", 4}, {"b", 5}}));
}

TEST(Weights, CorruptRecordsAreNamed) {
    const std::pair<const char*, std::string> rows[] = {{"weights/a", "\xff\xff"},
                                                        {"weights/b", encode_weight("b", 0)},
                                                        {"weights/c", encode_weight("c//d", 1)},
                                                        {"weights/d", ""}};
    for (const auto& [key, value] : rows) {
        const auto core = Core::create({}, {}, {{key, value}}, 1, {});
        ASSERT_FALSE(core.has_value()) << key;
        EXPECT_EQ(core.error().code, Errc::corrupt);
        EXPECT_THAT(core.error().text, HasSubstr(key));
    }
    EXPECT_EQ(weight_key("a/b"), "weights/a%2Fb");
}

}  // namespace
}  // namespace tepui::master::testing
