// Each thing that can stand between a framework and an agent, and what is said about it.
#include "allocator/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "allocator/allocator_testing.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::allocator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

RoleConstraints wants_host(const char* hostname) {
    mesos::v1::scheduler::OfferConstraints constraints;
    auto& condition =
        *(*constraints.mutable_role_constraints())["r"].add_groups()->add_attribute_constraints();
    condition.mutable_selector()->set_pseudoattribute_type(
        mesos::v1::scheduler::AttributeConstraint::Selector::HOSTNAME);
    condition.mutable_predicate()->mutable_text_equals()->set_value(hostname);
    auto compiled = compile_constraints(constraints);
    EXPECT_TRUE(compiled);
    return compiled->at("r");
}

/// Framework "f" in role "r", which is asked about, and an agent "s" on host "h" unless a case
/// wants another.
struct World {
    explicit World(Options options = {}) : allocator(std::move(options)) {}

    void framework(const char* id = "f", std::set<std::string> roles = {"r"}) {
        allocator.add_framework({FrameworkId(id), std::move(roles), {}, {}}, true);
    }
    void agent(std::string_view resources = "cpus:4;mem:1024", const char* id = "s",
               const char* host = "h", const std::map<FrameworkId, Resources>& used = {}) {
        AgentOffering offering{AgentId(id), of(resources), {}};
        offering.info.set_hostname(host);
        allocator.add_agent(std::move(offering), used);
    }
    void uses(const char* id, std::string_view resources, const char* role, const char* on = "s") {
        allocator.track(FrameworkId(id), AgentId(on), of(resources).allocated_to(role));
    }
    ClientExplanation ask(const ExplainContext& context = {}) {
        auto answer = allocator.explain(FrameworkId("f"), "r", context, now);
        EXPECT_TRUE(answer);
        return answer.value_or(ClientExplanation{});
    }
    /// The obstacles of the only class, as "cause(name,name) cause"; "" when it may be offered.
    std::string why(const ExplainContext& context = {}) {
        const auto answer = ask(context);
        EXPECT_EQ(answer.classes.size(), 1U);
        return answer.classes.empty() ? "no class" : text(answer.classes.front());
    }
    static std::string text(const ExplainedClass& group) {
        std::string result;
        for (const auto& [cause, names] : group.obstacles) {
            if (!result.empty()) result += ' ';
            result += cause_name(cause);
            if (!names.empty()) result += fmt::format("({})", fmt::join(names, ","));
        }
        return result;
    }

    Allocator allocator;
    Instant now;
};

struct Case {
    const char* name;
    const char* answer;
    std::function<void(World&)> set_up;
    Options options = {};
};

Options in_region_here() {
    Options options;
    options.master_domain = region("here");
    return options;
}

void quota(World& world, const char* role, std::int64_t guarantee, std::int64_t limit) {
    Quota quota;
    if (guarantee > 0) quota.guarantees["cpus"] = Quantity{guarantee * 1000};
    if (limit > 0) quota.limits["cpus"] = Quantity{limit * 1000};
    world.allocator.set_quota(role, quota);
}

std::vector<Case> causes() {
    const auto plain = [](World& world) {
        world.framework();
        world.agent();
    };
    const auto client = [](Client client) {
        return [client](World& world) {
            world.allocator.add_framework(client, true);
            world.agent();
        };
    };
    return {
        {"nothing", "", plain},
        {"paused", "paused",
         [=](World& world) {
             plain(world);
             world.allocator.pause();
         }},
        {"inactive framework", "framework_inactive",
         [=](World& world) {
             plain(world);
             world.allocator.deactivate_framework(FrameworkId("f"));
         }},
        {"suppressed", "suppressed",
         [=](World& world) {
             plain(world);
             world.allocator.suppress(FrameworkId("f"), {"r"});
         }},
        {"inactive agent", "agent_inactive(draining)",
         [=](World& world) {
             plain(world);
             world.allocator.deactivate_agent(AgentId("s"));
         }},
        {"whitelist", "not_whitelisted",
         [=](World& world) {
             plain(world);
             world.allocator.set_whitelist(std::set<std::string>{"other"});
         }},
        {"gpus", "gpus",
         [](World& world) {
             world.framework();
             world.agent("cpus:4;mem:1024;gpus:1");
         }},
        {"region", "region",
         [](World& world) {
             world.framework();
             AgentOffering offering{AgentId("s"), of("cpus:4;mem:64"), {}};
             *offering.info.mutable_domain() = region("there");
             world.allocator.add_agent(std::move(offering), {});
         },
         in_region_here()},
        {"constraint", "constraint",
         client({FrameworkId("f"), {"r"}, {}, {}, {{"r", wants_host("other")}}})},
        {"kept", "kept(prod)",
         [=](World& world) {
             plain(world);
             world.allocator.keep_for(AgentId("s"), "prod");
         }},
        {"constraint that holds", "",
         client({FrameworkId("f"), {"r"}, {}, {}, {{"r", wants_host("h")}}})},
        {"own minimum", "below_minimum",
         client({FrameworkId("f"), {"r"}, {}, {}, {}, {{"r", {{{"cpus", Quantity{8000}}}}}}})},
        {"below minimum", "below_minimum",
         [](World& world) {
             world.framework();
             world.agent("disk:100");
         }},
        {"nothing free", "nothing_free",
         [=](World& world) {
             plain(world);
             world.uses("g", "cpus:4;mem:1024", "other");
         }},
        {"offered", "offered",
         [=](World& world) {
             plain(world);
             world.uses("g", "cpus:4;mem:1000", "other");
         }},
        {"reserved", "reserved",
         [](World& world) {
             world.framework();
             world.agent("cpus(x):4;mem(y):1024");
         }},
        {"reserved for it", "",
         [](World& world) {
             world.framework();
             world.agent("cpus(r):4");
         }},
        {"capability", "capability(REVOCABLE_RESOURCES)",
         [](World& world) {
             world.framework();
             world.agent(
                 R"([{"name":"cpus","type":"SCALAR","scalar":{"value":2},"revocable":{}}])");
         }},
        {"limit", "quota_limit(cpus,mem)",
         [=](World& world) {
             plain(world);
             Quota quota;
             quota.limits = {{"cpus", Quantity{1}}, {"mem", Quantity{1000}}};
             world.allocator.set_quota("r", quota);
         }},
        {"limit with room", "",
         [=](World& world) {
             plain(world);
             quota(world, "r", 0, 1);
         }},
        {"headroom", "headroom(cpus)",
         [](World& world) {
             world.framework();
             world.agent("cpus:4");
             quota(world, "prod", 10, 0);
         }},
        {"own guarantee", "",
         [](World& world) {
             world.framework();
             world.agent("cpus:4");
             quota(world, "r", 10, 0);
         }},
        {"declined", "declined",
         [=](World& world) {
             plain(world);
             const auto given = world.allocator.allocate(world.now);
             ASSERT_EQ(given.size(), 1U);
             world.allocator.recover(given[0].framework, given[0].agent, given[0].resources, 5s,
                                     world.now);
         }},
        {"several", "suppressed agent_inactive(draining) not_whitelisted gpus below_minimum",
         [](World& world) {
             world.framework();
             world.agent("gpus:1");
             world.allocator.suppress(FrameworkId("f"), {});
             world.allocator.deactivate_agent(AgentId("s"));
             world.allocator.set_whitelist(std::set<std::string>{});
         }},
    };
}

TEST(ExplainTest, NamesEachCause) {
    for (const auto& [name, answer, set_up, options] : causes()) {
        SCOPED_TRACE(name);
        World world(options);
        set_up(world);
        const std::map<FrameworkId, Resources> offers{
            {FrameworkId("g"), of("mem:1000").allocated_to("other")}};
        ExplainContext context;
        context.why_inactive = [](const AgentId&) { return "draining"; };
        context.offered = [&](const AgentId&) {
            return std::string(name) == "offered" ? &offers : nullptr;
        };
        EXPECT_EQ(world.why(context), answer);
        // What is said is what happens.
        const bool offered = !world.allocator.allocate(world.now).empty();
        EXPECT_EQ(offered, std::string_view(answer).empty());
    }
}

TEST(ExplainTest, SharedVolumesWaitForAChange) {
    Options options;
    options.min_allocatable = {};
    World world(options);
    Capabilities capabilities;
    capabilities.shared_resources = true;
    world.allocator.add_framework({FrameworkId("f"), {"r"}, {}, capabilities}, true);
    world.agent(R"([{"name":"cpus","type":"SCALAR","scalar":{"value":1}},
        {"name":"disk","type":"SCALAR","scalar":{"value":64},"shared":{},
        "reservations":[{"type":"DYNAMIC","role":"r"}],"disk":{"persistence":{"id":"v"},
        "volume":{"container_path":"d","mode":"RW"}}}])");
    EXPECT_EQ(world.why(), "");
    EXPECT_EQ(world.allocator.allocate(world.now).size(), 1U);
    EXPECT_EQ(world.why(), "shared_in_turn");
    EXPECT_THAT(world.allocator.allocate(world.now), IsEmpty());
}

TEST(ExplainTest, FiltersSayWhenTheyEnd) {
    World world;
    world.framework();
    for (const char* id : {"s1", "s2", "s3"}) world.agent("cpus:1;mem:64", id, id);
    Duration refuse = 10s;
    for (const auto& given : world.allocator.allocate(world.now)) {
        world.allocator.recover(given.framework, given.agent, given.resources, refuse, world.now);
        refuse += 10s;
    }
    auto answer = world.ask();
    ASSERT_EQ(answer.classes.size(), 1U);
    EXPECT_EQ(answer.filters, 3U);
    EXPECT_EQ(answer.classes[0].first_end, world.now + 10s);
    EXPECT_EQ(answer.classes[0].last_end, world.now + 30s);
    EXPECT_THAT(world.allocator.active_filters(), ElementsAre(Pair("r", 3U)));
    world.now += 20s;
    answer = world.ask();
    ASSERT_EQ(answer.classes.size(), 2U);
    EXPECT_EQ(world.text(answer.classes[0]), "");
    EXPECT_EQ(answer.classes[0].count, 2U);
    EXPECT_EQ(answer.classes[0].offerable,
              (Quantities{{"cpus", Quantity{2000}}, {"mem", Quantity{128'000}}}));
    world.allocator.revive(FrameworkId("f"), {});
    EXPECT_THAT(world.allocator.active_filters(), IsEmpty());
}

TEST(ExplainTest, SaysWhoHasIt) {
    World world;
    world.framework();
    world.agent("cpus:4;mem:64", "s1", "h1");
    world.agent("cpus:4;mem:64", "s2", "h2");
    world.uses("g", "cpus:4;mem:64", "other", "s1");
    world.uses("g", "cpus:3;mem:64", "other", "s2");
    world.uses("x", "cpus:1", "more", "s2");
    const std::map<FrameworkId, Resources> offers{{FrameworkId("x"), of("cpus:1")}};
    ExplainContext context;
    context.offered = [&](const AgentId& agent) {
        return agent == AgentId("s2") ? &offers : nullptr;
    };
    const auto answer = world.ask(context);
    ASSERT_EQ(answer.classes.size(), 2U);
    const auto& free = answer.classes[0];
    EXPECT_EQ(world.text(free), "nothing_free");
    EXPECT_THAT(free.examples, ElementsAre(Pair("s1", "h1")));
    EXPECT_THAT(free.holders, ElementsAre(Pair("other", Quantities{{"cpus", Quantity{4000}},
                                                                   {"mem", Quantity{64'000}}})));
    const auto& offered = answer.classes[1];
    EXPECT_EQ(world.text(offered), "offered");
    EXPECT_THAT(offered.offers, ElementsAre(Pair("x", Quantities{{"cpus", Quantity{1000}}})));
}

TEST(ExplainTest, SaysForWhomSomethingIsKept) {
    World world;
    world.framework();
    world.agent("cpus:4;cpus(x):1");
    quota(world, "prod", 10, 0);
    quota(world, "x", 1, 0);
    const auto answer = world.ask();
    ASSERT_EQ(answer.kept_for.size(), 1U) << "what x has reserved is its guarantee";
    EXPECT_EQ(answer.kept_for[0].role, "prod");
    EXPECT_EQ(answer.kept_for[0].lacking, (Quantities{{"cpus", Quantity{10'000}}}));
    EXPECT_EQ(answer.top_role, "r");
}

TEST(ExplainTest, ManyAgentsAreSampledEvenly) {
    World world;
    world.framework();
    for (int i = 0; i < 100; ++i) {
        const auto id = fmt::format("s{:02}", i);
        world.agent(i < 50 ? "cpus:1" : "disk:1", id.c_str(), id.c_str());
    }
    ExplainContext context;
    context.pairs_max = 10;
    const auto answer = world.ask(context);
    EXPECT_EQ(answer.agents, 100U);
    EXPECT_EQ(answer.examined, 10U);
    ASSERT_EQ(answer.classes.size(), 2U);
    EXPECT_EQ(answer.classes[0].count, 5U);
    EXPECT_EQ(answer.classes[1].count, 5U);
    EXPECT_EQ(answer.classes[0].examples.size(), 3U);
    EXPECT_EQ(world.ask().examined, 100U);
}

TEST(ExplainTest, ReservationsThatCallsUndoAreToldFromThoseOfTheAgent) {
    const auto reserved = [](const char* name, const char* reservations) {
        return fmt::format(
            R"([{{"name":"{}","type":"SCALAR","scalar":{{"value":4}},"reservations":[{}]}}])", name,
            reservations);
    };
    const char* const refined = R"({"type":"STATIC","role":"x"},{"type":"DYNAMIC","role":"x/y"})";
    World world;
    world.framework("f", {"r", "x/z"});
    world.agent(reserved("cpus", R"({"type":"DYNAMIC","role":"db"})"), "s1");
    world.agent("cpus(db):4;cpus(r):0.001", "s2");
    world.agent(reserved("cpus", refined), "s3");
    const auto answer = world.ask();
    ASSERT_EQ(answer.classes.size(), 1U);
    const auto& group = answer.classes.front();
    EXPECT_EQ(world.text(group), "reserved");
    EXPECT_THAT(group.reserved_for, ElementsAre("db", "x/y"));
    EXPECT_THAT(group.dynamic_for,
                ElementsAre(Pair("db", AgentId("s1")), Pair("x/y", AgentId("s3"))));
    EXPECT_THAT(group.static_for, ElementsAre(Pair("db", AgentId("s2")), Pair("x", AgentId("s3"))));
    // Once the refinement is undone, what is below it is within reach.
    const auto below = world.allocator.explain(FrameworkId("f"), "x/z", {}, world.now);
    ASSERT_TRUE(below);
    EXPECT_THAT(below->classes.front().static_for,
                ElementsAre(Pair("db", AgentId("s2")), Pair("r", AgentId("s2"))));
}

TEST(ExplainTest, AnAgentSaysWhoMayHaveIt) {
    World world;
    world.framework("f", {"r", "a/b"});
    world.framework("g", {"r"});
    world.agent("cpus(a):4");
    const auto answer = world.allocator.explain(AgentId("s"), {}, world.now);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->hostname, "h");
    EXPECT_EQ(answer->clients, 3U);
    EXPECT_EQ(answer->free, of("cpus(a):4"));
    ASSERT_EQ(answer->classes.size(), 2U);
    EXPECT_THAT(answer->classes[0].examples, ElementsAre(Pair("f", "a/b")));
    EXPECT_EQ(world.text(answer->classes[1]), "reserved");
    EXPECT_THAT(answer->classes[1].reserved_for, ElementsAre("a"));
    EXPECT_THAT(answer->classes[1].static_for, ElementsAre(Pair("a", AgentId("s"))));
    EXPECT_THAT(answer->classes[1].dynamic_for, IsEmpty());
    EXPECT_THAT(answer->classes[1].examples, ElementsAre(Pair("f", "r"), Pair("g", "r")));
    EXPECT_FALSE(world.allocator.explain(AgentId("none"), {}, world.now));
    EXPECT_FALSE(world.allocator.explain(FrameworkId("f"), "none", {}, world.now));
    EXPECT_FALSE(world.allocator.explain(FrameworkId("none"), "r", {}, world.now));
}

TEST(ExplainTest, RolesStandInTheirOrder) {
    World world;
    world.framework("f", {"r"});
    world.framework("g", {"eng/dev"});
    world.framework("h", {"eng/dev"});
    world.allocator.set_weight("eng", 4);
    world.agent("cpus:10;mem:1000");
    world.uses("f", "cpus:1", "r");
    world.uses("g", "cpus:2", "eng/dev");
    quota(world, "eng", 3, 8);
    EXPECT_THAT(world.allocator.clients_of("eng/dev"),
                ElementsAre(FrameworkId("h"), FrameworkId("g")));
    EXPECT_THAT(world.allocator.clients_of("eng"), IsEmpty());
    EXPECT_THAT(world.allocator.standing("none"), IsEmpty());
    const auto standing = world.allocator.standing("eng/dev");
    ASSERT_EQ(standing.size(), 2U);
    EXPECT_EQ(standing[0].role, "eng");
    EXPECT_EQ(standing[0].weight, 4);
    EXPECT_EQ(standing[0].share, 0.2);
    EXPECT_EQ(standing[0].position, 1U) << "0.2 / 4 is less than 0.1";
    EXPECT_EQ(standing[0].competitors, 2U);
    EXPECT_EQ(standing[0].guarantees, (Quantities{{"cpus", Quantity{3000}}}));
    EXPECT_EQ(standing[0].limits, (Quantities{{"cpus", Quantity{8000}}}));
    EXPECT_EQ(standing[0].consumed, (Quantities{{"cpus", Quantity{2000}}}));
    EXPECT_EQ(standing[0].lacking, (Quantities{{"cpus", Quantity{1000}}}));
    EXPECT_EQ(standing[1].role, "eng/dev");
    EXPECT_EQ(standing[1].position, 1U);
    const auto client = world.allocator.explain(FrameworkId("g"), "eng/dev", {}, world.now);
    ASSERT_TRUE(client);
    EXPECT_EQ(client->position, 2U);
    EXPECT_EQ(client->competitors, 2U);
    EXPECT_EQ(client->share, 0.2);
    EXPECT_EQ(client->top_role, "eng");
    EXPECT_EQ(client->allocated, (Quantities{{"cpus", Quantity{2000}}}));
}

}  // namespace
}  // namespace tepui::allocator
