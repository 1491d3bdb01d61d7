// The rules one by one, told as: who there is, what happens, and which offers come.
#include "allocator/allocator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "allocator/allocator_testing.h"

namespace tepui::allocator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

/// An allocator whose offers read "framework role agent resources".
struct World {
    explicit World(Options options = {}) : allocator(std::move(options)) {}

    void framework(const char* id, std::set<std::string> roles = {"*"},
                   Capabilities capabilities = {}) {
        allocator.add_framework({FrameworkId(id), std::move(roles), {}, capabilities}, true);
    }
    void agent(const char* id, std::string_view resources, const char* where = nullptr) {
        AgentOffering offering{AgentId(id), of(resources), {}};
        if (where) *offering.info.mutable_domain() = region(where);
        allocator.add_agent(std::move(offering), {});
    }
    std::vector<std::string> offers() {
        std::vector<std::string> texts;
        last = allocator.allocate(now);
        for (const auto& offer : last) {
            texts.push_back(fmt::format("{} {} {} {}", offer.framework, offer.role, offer.agent,
                                        offer.resources.unallocated().to_string()));
            for (const auto& [role, part] : offer.resources.by_allocation_role()) {
                EXPECT_EQ(role, offer.role);
            }
        }
        EXPECT_FALSE(allocator.dirty());
        return texts;
    }
    /// Gives back everything of the last round.
    void decline(std::optional<Duration> refuse = {}) {
        for (const auto& offer : last) {
            allocator.recover(offer.framework, offer.agent, offer.resources, refuse, now);
        }
        last.clear();
    }
    void give_back(std::size_t offer, std::string_view part, std::optional<Duration> refuse = {}) {
        const auto& held = last.at(offer);
        allocator.recover(held.framework, held.agent, of(part).allocated_to(held.role), refuse,
                          now);
    }

    Allocator allocator;
    Instant now;
    std::vector<Allocation> last;
};

TEST(AllocatorFairness, AFrameworkGetsTheWholeAgent) {
    World world;
    world.framework("f1");
    world.agent("s1", "cpus:4;mem:1024;ports:[1-9]");
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 ports:[1-9]; cpus:4; mem:1024"));
    EXPECT_THAT(world.offers(), IsEmpty());
}

TEST(AllocatorFairness, TheSmallerDominantShareGoesFirst) {
    World world;
    world.framework("f1");
    world.agent("s1", "cpus:1;mem:100");
    world.offers();
    world.framework("f2");
    world.agent("s2", "cpus:3;mem:100");
    EXPECT_THAT(world.offers(), ElementsAre("f2 * s2 cpus:3; mem:100"));
    // f1 has half the memory, f2 three fourths of the cpus and half the memory.
    world.agent("s3", "cpus:1;mem:100");
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s3 cpus:1; mem:100"));
}

TEST(AllocatorFairness, ExcludedNamesDoNotCount) {
    Options options;
    options.fair_sharing_excluded = {"gold"};
    World world(options);
    world.framework("f1");
    world.agent("s1", "cpus:1;mem:64;gold:9");
    world.offers();
    world.framework("f2");
    world.agent("s2", "cpus:2;mem:64");
    EXPECT_THAT(world.offers(), ElementsAre("f2 * s2 cpus:2; mem:64"));
    world.agent("s3", "cpus:1;mem:64");
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s3 cpus:1; mem:64"));
}

TEST(AllocatorFairness, EqualSharesGoToWhoWasServedLessThenByName) {
    World world;
    world.framework("f2");
    world.framework("f1");
    world.agent("s1", "cpus:1;mem:64");
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:1; mem:64"));
    world.decline();
    EXPECT_THAT(world.offers(), ElementsAre("f2 * s1 cpus:1; mem:64"));
    world.decline();
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:1; mem:64"));
}

TEST(AllocatorFairness, WeightsScaleShares) {
    World world;
    world.allocator.set_weight("b", 3);
    world.framework("f1", {"a"});
    world.framework("f2", {"b"});
    std::map<std::string, int> count;
    for (int i = 0; i < 40; ++i) {
        world.agent(("s" + std::to_string(i)).c_str(), "cpus:1;mem:64");
    }
    world.offers();
    for (const auto& offer : world.last) ++count[offer.role];
    EXPECT_EQ(count["a"], 10);
    EXPECT_EQ(count["b"], 30);
    world.allocator.set_weight("b", 0);  // Ignored.
    world.allocator.set_weight("a", 3);
    for (int i = 40; i < 60; ++i) world.agent(("s" + std::to_string(i)).c_str(), "cpus:1;mem:64");
    world.offers();
    for (const auto& offer : world.last) ++count[offer.role];
    EXPECT_EQ(count["a"], 30);
}

TEST(AllocatorFairness, RolesAreATree) {
    World world;
    // a and b share evenly whatever is below; inside a, its own client and a/x do.
    world.framework("f1", {"a"});
    world.framework("f2", {"a/x"});
    world.framework("f3", {"b"});
    for (int i = 0; i < 40; ++i) world.agent(("s" + std::to_string(i)).c_str(), "cpus:1;mem:64");
    world.offers();
    std::map<std::string, int> count;
    for (const auto& offer : world.last) ++count[offer.role];
    EXPECT_THAT(count, ElementsAre(std::pair{"a", 10}, std::pair{"a/x", 10}, std::pair{"b", 20}));
}

TEST(AllocatorFairness, UnknownHoldersCountForTheirRole) {
    World world;
    world.framework("f1", {"a"});
    world.framework("f2", {"b"});
    AgentOffering offering{AgentId("s1"), of("cpus:4;mem:256"), {}};
    world.allocator.add_agent(offering,
                              {{FrameworkId("old"), of("cpus:1;mem:64").allocated_to("a")}});
    EXPECT_THAT(world.offers(), ElementsAre("f2 b s1 cpus:3; mem:192"));
    world.allocator.recover(FrameworkId("old"), AgentId("s1"),
                            of("cpus:1;mem:64").allocated_to("a"), {}, world.now);
    EXPECT_THAT(world.offers(), ElementsAre("f1 a s1 cpus:1; mem:64"));
}

TEST(AllocatorOrder, FollowsTheSeed) {
    const auto order_of = [](std::uint64_t seed) {
        Options options;
        options.seed = seed;
        World world(options);
        world.framework("f1");
        for (int i = 0; i < 20; ++i) world.agent(("s" + std::to_string(i)).c_str(), "cpus:1");
        return world.offers();
    };
    EXPECT_EQ(order_of(1), order_of(1));
    EXPECT_NE(order_of(1), order_of(2));
}

TEST(AllocatorFilters, HoldUntilTheirEndOrUntilThereIsMore) {
    World world;
    world.framework("f1");
    world.agent("s1", "cpus:4;mem:1024");
    world.offers();
    world.give_back(0, "cpus:1;mem:64", 5s);
    EXPECT_THAT(world.offers(), IsEmpty());
    EXPECT_EQ(world.allocator.next_deadline(), Instant{} + 5s);
    // More than was refused passes.
    world.allocator.recover(FrameworkId("f1"), AgentId("s1"), of("cpus:0.5").allocated_to("*"), {},
                            world.now);
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:1.5; mem:64"));
    world.give_back(0, "cpus:1;mem:64");
    EXPECT_THAT(world.offers(), IsEmpty());
    world.now += 5s - 1ns;
    EXPECT_THAT(world.offers(), IsEmpty());
    world.now += 1ns;
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:1; mem:64"));
    EXPECT_EQ(world.allocator.next_deadline(), Instant::max());
}

TEST(AllocatorFilters, LastAtLeastTheMinimum) {
    World world;
    world.framework("f1");
    world.agent("s1", "cpus:4;mem:1024");
    world.offers();
    world.decline(Duration{1});
    world.now += 999ms;
    EXPECT_THAT(world.offers(), IsEmpty());
    world.now += 1ms;
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:4; mem:1024"));
}

TEST(AllocatorFilters, AreForOneFrameworkRoleAndAgent) {
    World world;
    world.framework("f1", {"a", "b"});
    world.agent("s1", "cpus:4;mem:1024");
    EXPECT_THAT(world.offers(), ElementsAre("f1 a s1 cpus:4; mem:1024"));
    world.decline(1h);
    EXPECT_THAT(world.offers(), ElementsAre("f1 b s1 cpus:4; mem:1024"));
    world.decline(1h);
    EXPECT_THAT(world.offers(), IsEmpty());
    world.framework("f2", {"a"});
    EXPECT_THAT(world.offers(), ElementsAre("f2 a s1 cpus:4; mem:1024"));
    world.agent("s2", "cpus:4;mem:1024");
    EXPECT_THAT(world.offers(), ElementsAre("f1 b s2 cpus:4; mem:1024"));
}

TEST(AllocatorFilters, EndWithReviveDeactivationAndRoleChange) {
    for (const char* how :
         {"revive", "revive the role", "reactivate", "leave and enter the role"}) {
        SCOPED_TRACE(how);
        World world;
        const FrameworkId f1("f1");
        world.framework("f1", {"a"});
        world.agent("s1", "cpus:4");
        world.offers();
        world.decline(1h);
        world.allocator.revive(f1, {"b"});
        EXPECT_THAT(world.offers(), IsEmpty());
        const std::string_view step = how;
        if (step == "revive") world.allocator.revive(f1, {});
        if (step == "revive the role") world.allocator.revive(f1, {"a", "z"});
        if (step == "reactivate") {
            world.allocator.deactivate_framework(f1);
            EXPECT_THAT(world.offers(), IsEmpty());
            world.allocator.activate_framework(f1);
        }
        if (step == "leave and enter the role") {
            world.allocator.update_framework({f1, {"b"}, {"b"}, {}});
            EXPECT_THAT(world.offers(), IsEmpty());
            world.allocator.update_framework({f1, {"a"}, {}, {}});
        }
        EXPECT_THAT(world.offers(), ElementsAre("f1 a s1 cpus:4"));
    }
}

TEST(AllocatorSuppress, StopsOffersUntilRevive) {
    World world;
    const FrameworkId f1("f1");
    world.framework("f1", {"a", "b"});
    world.allocator.suppress(f1, {"a"});
    world.agent("s1", "cpus:4");
    EXPECT_THAT(world.offers(), ElementsAre("f1 b s1 cpus:4"));
    world.allocator.suppress(f1, {});
    world.decline();
    EXPECT_THAT(world.offers(), IsEmpty());
    world.allocator.revive(f1, {"a"});
    EXPECT_THAT(world.offers(), ElementsAre("f1 a s1 cpus:4"));
    world.decline();
    world.allocator.update_framework({f1, {"a", "b"}, {"a"}, {}});
    EXPECT_THAT(world.offers(), ElementsAre("f1 b s1 cpus:4"));
}

TEST(AllocatorMembership, FollowsFrameworksAndAgents) {
    World world;
    const FrameworkId f1("f1");
    const AgentId s1("s1");
    world.allocator.add_framework({f1, {"*"}, {}, {}}, /*active=*/false);
    world.agent("s1", "cpus:4");
    EXPECT_THAT(world.offers(), IsEmpty());
    world.allocator.activate_framework(f1);
    world.allocator.deactivate_agent(s1);
    EXPECT_THAT(world.offers(), IsEmpty());
    world.allocator.activate_agent(s1);
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:4"));
    world.allocator.update_agent(s1, of("cpus:6"));
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:2"));
    world.allocator.update_agent(s1, of("cpus:3"));  // Less than is held.
    world.allocator.recover(f1, s1, of("cpus:2").allocated_to("*"), {}, world.now);
    EXPECT_THAT(world.offers(), IsEmpty());
    world.framework("f2");
    EXPECT_THAT(world.offers(), IsEmpty());
    world.allocator.remove_framework(f1);  // What it held is free.
    EXPECT_THAT(world.offers(), ElementsAre("f2 * s1 cpus:3"));
    world.decline();
    world.allocator.remove_agent(s1);
    EXPECT_THAT(world.offers(), IsEmpty());
    world.allocator.recover(f1, s1, of("cpus:2").allocated_to("*"), 1h, world.now);  // Too late.
    EXPECT_THAT(world.offers(), IsEmpty());
}

TEST(AllocatorMembership, AHolderWithoutSubscriptionCannotBeUpdated) {
    World world;
    world.allocator.add_agent({AgentId("s1"), of("cpus:4"), {}},
                              {{FrameworkId("f1"), of("cpus:1").allocated_to("a")}});
    world.allocator.update_framework({FrameworkId("f1"), {"a"}, {}, {}});
    world.allocator.activate_framework(FrameworkId("f1"));
    EXPECT_THAT(world.offers(), IsEmpty());
    world.framework("f1", {"a"});
    EXPECT_THAT(world.offers(), ElementsAre("f1 a s1 cpus:3"));
}

TEST(AllocatorMembership, ADeactivatedAgentKeepsItsAccounts) {
    World world;
    world.framework("f1");
    world.agent("s1", "cpus:4");
    world.offers();
    world.allocator.deactivate_agent(AgentId("s1"));
    world.give_back(0, "cpus:1");
    EXPECT_THAT(world.offers(), IsEmpty());
    world.allocator.activate_agent(AgentId("s1"));
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:1"));
}

TEST(AllocatorRules, CapabilitiesDecideWhatIsSeen) {
    const auto revocable = R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2}},
        {"name":"cpus","type":"SCALAR","scalar":{"value":1},"revocable":{}}])";
    const auto refined = R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2}},
        {"name":"cpus","type":"SCALAR","scalar":{"value":1},"reservations":
         [{"type":"STATIC","role":"a"},{"type":"DYNAMIC","role":"a/b"}]}])";
    const auto shared = R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2}},
        {"name":"disk","type":"SCALAR","scalar":{"value":9},"shared":{},
         "reservations":[{"type":"DYNAMIC","role":"a"}],
         "disk":{"persistence":{"id":"v"},"volume":{"container_path":"d","mode":"RW"}}}])";
    struct Row {
        const char* name;
        const char* resources;
        bool Capabilities::* capability;
        const char* without;
        const char* with;
    };
    const Row rows[] = {
        {"gpus", "cpus:2;gpus:1", &Capabilities::gpu_resources, "", "cpus:2; gpus:1"},
        {"revocable", revocable, &Capabilities::revocable_resources, "cpus:2",
         "cpus:2; cpus{REV}:1"},
        {"refined", refined, &Capabilities::reservation_refinement, "cpus:2",
         "cpus:2; cpus(reservations: [(STATIC,a), (DYNAMIC,a/b)]):1"},
        {"shared", shared, &Capabilities::shared_resources, "cpus:2",
         "cpus:2; disk(reservations: [(DYNAMIC,a)])[v:d]<SHARED>:9"},
        {"region", "cpus:2", &Capabilities::region_aware, "", "cpus:2"},
    };
    for (const auto& row : rows) {
        for (const bool has : {false, true}) {
            SCOPED_TRACE(fmt::format("{} {}", row.name, has));
            Options options;
            options.master_domain = region("here");
            World world(options);
            Capabilities capabilities;
            capabilities.*row.capability = has;
            world.framework("f1", {"a/b"}, capabilities);
            world.agent("s1", row.resources,
                        std::string_view(row.name) == "region" ? "there" : "here");
            const std::string want = has ? row.with : row.without;
            const auto offers = world.offers();
            EXPECT_EQ(offers.empty() ? "" : offers[0], want.empty() ? "" : "f1 a/b s1 " + want);
        }
    }
}

TEST(AllocatorRules, CapabilitiesThatComeLaterBringOffers) {
    World world;
    world.framework("f1");
    world.agent("s1", "cpus:2;gpus:1");
    EXPECT_THAT(world.offers(), IsEmpty());
    world.allocator.update_framework({FrameworkId("f1"), {"*"}, {}, {.gpu_resources = true}});
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:2; gpus:1"));
}

TEST(AllocatorRules, GpuAgentsAreOpenWhenTheFlagSaysSo) {
    Options options;
    options.filter_gpu_resources = false;
    World world(options);
    world.framework("f1");
    world.agent("s1", "cpus:2;gpus:1");
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 cpus:2; gpus:1"));
}

TEST(AllocatorRules, ReservationsGoToTheRoleAndBelow) {
    World world;
    world.framework("f1", {"a/b"});
    world.framework("f2", {"c"});
    world.agent("s1", "cpus(a):1;cpus(c):2;cpus(z):4;mem(a/b/c):64");
    EXPECT_THAT(world.offers(), UnorderedElementsAre("f1 a/b s1 cpus(reservations: [(STATIC,a)]):1",
                                                     "f2 c s1 cpus(reservations: [(STATIC,c)]):2"));
    world.framework("f3", {"z"});
    EXPECT_THAT(world.offers(), ElementsAre("f3 z s1 cpus(reservations: [(STATIC,z)]):4"));
}

TEST(AllocatorRules, ScrapsAreNotOffered) {
    struct Row {
        const char* resources;
        bool offered;
    };
    const Row rows[] = {{"cpus:0.009;mem:31.999", false},
                        {"cpus:0.01", true},
                        {"mem:32", true},
                        {"disk:1000;ports:[1-9]", false}};
    for (const auto& row : rows) {
        SCOPED_TRACE(row.resources);
        World world;
        world.framework("f1");
        world.agent("s1", row.resources);
        EXPECT_EQ(!world.offers().empty(), row.offered);
    }
    Options anything;
    anything.min_allocatable.clear();
    World world(anything);
    world.framework("f1");
    world.agent("s1", "disk:1");
    EXPECT_THAT(world.offers(), ElementsAre("f1 * s1 disk:1"));
}

TEST(AllocatorRules, SharedVolumesAreOfferedWhileInUse) {
    World world;
    world.framework("f1", {"a"}, {.shared_resources = true});
    world.framework("f2", {"a"}, {.shared_resources = true});
    world.agent("s1", R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2}},
        {"name":"disk","type":"SCALAR","scalar":{"value":9},"shared":{},
         "reservations":[{"type":"DYNAMIC","role":"a"}],
         "disk":{"persistence":{"id":"v"},"volume":{"container_path":"d","mode":"RW"}}}])");
    const std::string volume = "disk(reservations: [(DYNAMIC,a)])[v:d]<SHARED>:9";
    EXPECT_THAT(world.offers(), ElementsAre("f1 a s1 cpus:2; " + volume));
    world.give_back(0, "cpus:1");
    EXPECT_THAT(world.offers(), ElementsAre("f2 a s1 cpus:1; " + volume));
}

}  // namespace
}  // namespace tepui::allocator
