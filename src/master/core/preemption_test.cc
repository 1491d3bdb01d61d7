#include "master/core/preemption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"
#include "master/core/preemption_policy.h"

// Priority bands: what is stored, who is offered first, and who makes room when a role starves.
namespace tepui::master::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

Quantities amounts(double cpus, double mem = 0) {
    Quantities result;
    if (cpus > 0) result["cpus"] = Quantity::from_double(cpus);
    if (mem > 0) result["mem"] = Quantity::from_double(mem);
    return result;
}

TEST(PreemptionPolicy, PrefersOffersThenLowBandsThenFewThenYoungThenCheap) {
    struct Row {
        const char* what;
        double lack;
        std::vector<Candidate> candidates;
        Victims expected;
    };
    const auto task = [](std::int32_t band, double cpus, std::int64_t started = 0,
                         double share = 0.1) {
        return Candidate{.band = band, .started = started, .share = share, .frees = amounts(cpus)};
    };
    Candidate offer = task(5, 2);
    offer.tasks = 0;
    Candidate pod = task(0, 4);
    pod.tasks = 4;
    Candidate volume = task(-9, 4);
    volume.keeps_data = true;
    const Row rows[] = {
        {"nothing helps", 1, {task(0, 0)}, {}},
        {"as far as it goes", 9, {task(0, 1), task(0, 2)}, {1, 0}},
        {"an offer costs nobody anything", 2, {task(-1, 2), offer}, {1}},
        {"an offer first, tasks for the rest", 3, {task(-1, 2), offer}, {1, 0}},
        {"the lowest band", 2, {task(0, 4), task(-5, 2), task(1, 2)}, {1}},
        {"one of more is enough", 2, {task(0, 1), task(0, 1), task(0, 2)}, {2}},
        {"the youngest", 1, {task(0, 1, 5), task(0, 1, 9), task(0, 1, 7)}, {1}},
        {"the cheapest", 1, {task(0, 2, 0, 0.5), task(0, 1, 0, 0.2)}, {1}},
        {"data last, whatever its band", 2, {volume, task(3, 2)}, {1}},
        {"data if there is nothing else", 4, {volume, task(3, 1)}, {0}},
        {"two tasks are fewer than a pod of four", 4, {pod, task(0, 2), task(0, 2)}, {1, 2}},
        {"what comes later makes earlier ones needless", 4, {task(-1, 1), task(0, 4)}, {1}},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(choose_victims(amounts(row.lack), row.candidates), row.expected) << row.what;
    }
}

TEST(PreemptionPolicy, EverythingThatIsLackedCounts) {
    const std::vector<Candidate> candidates{
        {.frees = amounts(2, 0)}, {.frees = amounts(1, 512)}, {.frees = amounts(0, 512)}};
    EXPECT_EQ(choose_victims(amounts(1, 512), candidates), Victims{1});
    EXPECT_THAT(choose_victims(amounts(3, 512), candidates), ::testing::UnorderedElementsAre(0, 1));
}

TEST(PreemptionPolicy, OnOneAgentTheCheapestWillDo) {
    const std::vector<Candidate> candidates{{.agent = 0, .frees = amounts(1)},
                                            {.agent = 0, .frees = amounts(1)},
                                            {.agent = 1, .frees = amounts(2)},
                                            {.agent = 2, .band = 1, .frees = amounts(4)}};
    std::map<std::size_t, Quantities> free{{0, amounts(1)}, {1, amounts(1)}, {2, {}}};
    EXPECT_EQ(choose_on_one_agent({amounts(3)}, free, candidates), Victims{2});
    EXPECT_EQ(choose_on_one_agent({amounts(4)}, free, candidates), Victims{3});
    EXPECT_EQ(choose_on_one_agent({amounts(5)}, free, candidates), std::nullopt);
    EXPECT_EQ(choose_on_one_agent({amounts(5), amounts(2)}, free, candidates), Victims{0});
    EXPECT_EQ(choose_on_one_agent({amounts(1)}, free, candidates), Victims{});
}

mesos::v1::quota::QuotaConfig guarantee(std::string_view role, double cpus) {
    mesos::v1::quota::QuotaConfig config;
    config.set_role(std::string(role));
    (*config.mutable_guarantees())["cpus"].set_value(cpus);
    return config;
}

/// A batch framework whose four tasks fill two agents, and one of prod that came too late.
struct World {
    explicit World(Duration notice = 30s, mesos::v1::FrameworkInfo late = modern_info("prod"))
        : shell({.config = {.preemption_notice = notice}}),
          batch(subscribe(shell, modern_info("batch"))) {
        for (const char* name : {"one", "two"}) {
            agents.push_back(register_agent(shell, agent_info(name, "cpus:4;mem:1024")));
            const auto offer = batch.offer();
            batch.accept({offer}, {task_info(offer, std::string(name) + "-old", "cpus:2;mem:512"),
                                   task_info(offer, std::string(name) + "-new", "cpus:2;mem:512")});
        }
        for (const char* name : {"one", "two"}) {
            for (const char* age : {"-old", "-new"}) {
                shell.pass(1s);
                agents[name[0] == 't'].update(batch.id, std::string(name) + age,
                                              mesos::v1::TASK_RUNNING);
            }
        }
        prod.emplace(subscribe(shell, late));
        batch.take();
        for (auto& agent : agents) agent.take();
    }

    /// Time in which the agents answer their pings.
    void pass(Duration span) {
        for (const Instant end = shell.now().instant + span; shell.now().instant < end;) {
            shell.pass(std::min<Duration>(5s, end - shell.now().instant));
            for (auto& agent : agents) agent.pong();
        }
    }
    RequestToken give(std::map<std::string, std::int32_t> priorities) {
        return shell.ask(PrioritiesUpdateRequested{{}, std::move(priorities)});
    }
    std::vector<std::string> kills() {
        std::vector<std::string> tasks;
        for (auto& agent : agents) {
            for (const auto& frame : agent.take(link::ToAgent::kKillTask)) {
                tasks.push_back(frame.kill_task().task_id().value());
                why = frame.kill_task().displaced();
            }
        }
        return tasks;
    }
    std::vector<mesos::v1::InverseOffer> asked() {
        std::vector<mesos::v1::InverseOffer> offers;
        for (const auto& event : batch.take(SchedulerEvent::INVERSE_OFFERS)) {
            for (const auto& offer : event.inverse_offers().inverse_offers()) {
                offers.push_back(offer);
            }
        }
        return offers;
    }
    std::uint64_t counted(std::string_view name) {
        return shell.state().counters.find("preemptions/" + std::string(name))->second;
    }

    FakeShell shell;
    FakeScheduler batch;
    std::vector<FakeAgent> agents;
    std::optional<FakeScheduler> prod;
    std::string why;
};

TEST(Priorities, AreDurableBeforeTheyCountAndOutliveTheMaster) {
    FakeShell shell;
    shell.hold_writes();
    const auto request = shell.ask(PrioritiesUpdateRequested{{}, {{"prod", 10}, {"test", -1}}});
    EXPECT_EQ(shell.answer(request), nullptr);
    EXPECT_THAT(shell.state().priorities, IsEmpty());
    shell.persist_all();
    expect_answered(shell, request);
    const std::map<std::string, std::int32_t> both{{"prod", 10}, {"test", -1}};
    EXPECT_EQ(shell.state().priorities, both);
    FakeShell next;
    for (const auto& [key, value] : shell.registry()) next.set_registry(key, value);
    next.crash_and_restart();
    EXPECT_EQ(next.state().priorities, both);
    subscribe(next, modern_info("a"));
    const FakeScheduler prod = subscribe(next, modern_info("prod"));
    for (const char* name : {"x", "y", "z"}) register_agent(next, agent_info(name));
    EXPECT_EQ(next.state().frameworks.at(prod.id).offers.size(), 3U);
    next.ask(PrioritiesUpdateRequested{{}, {{"prod", 0}, {"test", 0}}});
    for (const auto& [key, value] : next.registry()) EXPECT_FALSE(key.starts_with("priorities"));
}

TEST(Priorities, BadOnesAreRefusedWhole) {
    FakeShell shell({.config = {.roles = {{"*", "good"}}}});
    for (const char* role : {"", "a b", "good/web", "other"}) {
        expect_refused(shell, shell.ask(PrioritiesUpdateRequested{{}, {{"good", 1}, {role, 2}}}),
                       Errc::invalid_argument, role);
    }
    EXPECT_THAT(shell.state().priorities, IsEmpty());
    expect_answered(shell, shell.ask(PrioritiesUpdateRequested{{}, {{"good", 1}, {"*", 2}}}));
}

TEST(Preemption, AsksThenEndsWhatIsNeededThenGivesIt) {
    World world;
    world.give({{"prod", 10}});
    world.shell.update_quota({guarantee("prod", 2)});
    world.pass(9s);
    EXPECT_THAT(world.asked(), IsEmpty()) << "it does not starve long enough yet";
    world.pass(3s);
    const auto asked = world.asked();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].agent_id().value(), world.agents[1].id.value);
    EXPECT_EQ(Resources::parse(asked[0].resources())->scalar("cpus"), Quantity{2000});
    EXPECT_TRUE(asked[0].unavailability().has_start());
    world.pass(28s);
    EXPECT_THAT(world.kills(), IsEmpty());
    world.pass(3s);
    EXPECT_THAT(world.kills(), ElementsAre("two-new")) << "the youngest";
    EXPECT_EQ(world.why,
              "Displaced by role 'prod' (band 10), which is guaranteed cpus:2 and lacked cpus:2");
    EXPECT_EQ(world.batch.take(SchedulerEvent::RESCIND_INVERSE_OFFER).size(), 1U);
    world.agents[1].update(world.batch.id, "two-new", mesos::v1::TASK_GONE);
    EXPECT_EQ(world.prod->offer().agent_id().value(), world.agents[1].id.value);
    world.pass(5min);
    EXPECT_THAT(world.kills(), IsEmpty()) << "it has what it is guaranteed, even unused";
    EXPECT_EQ(world.counted("asked"), 1U);
    EXPECT_EQ(world.counted("tasks"), 1U);
    EXPECT_EQ(world.counted("withdrawn"), 0U);
    EXPECT_THAT(world.shell.state().displaced, IsEmpty());
}

TEST(Preemption, NeedsABandAndADemand) {
    struct Row {
        std::map<std::string, std::int32_t> priorities;
        bool guaranteed;
    };
    const Row rows[] = {{{}, true},
                        {{{"prod", 10}}, false},
                        {{{"prod", 10}, {"batch", 10}}, true},
                        {{{"batch", 10}}, true},
                        {{{"other", -1}}, true}};
    for (const Row& row : rows) {
        World world;
        if (!row.priorities.empty()) world.give(row.priorities);
        if (row.guaranteed) world.shell.update_quota({guarantee("prod", 2)});
        world.pass(10min);
        EXPECT_THAT(world.asked(), IsEmpty());
        EXPECT_THAT(world.kills(), IsEmpty());
    }
}

TEST(Preemption, SuppressedAndDisconnectedRolesDoNotStarve) {
    World world;
    world.give({{"prod", 10}});
    world.prod->call(world.prod->make(SchedulerCall::SUPPRESS));
    world.shell.update_quota({guarantee("prod", 2)});
    world.pass(1min);
    EXPECT_THAT(world.asked(), IsEmpty());
    world.prod->call(world.prod->make(SchedulerCall::REVIVE));
    world.pass(15s);
    EXPECT_EQ(world.asked().size(), 1U);
    world.shell.disconnect(world.prod->stream);
    world.pass(1min);
    EXPECT_THAT(world.kills(), IsEmpty());
    EXPECT_EQ(world.batch.take(SchedulerEvent::RESCIND_INVERSE_OFFER).size(), 1U);
    EXPECT_EQ(world.counted("withdrawn"), 1U);
}

TEST(Preemption, WhoEndsItsOwnTaskIsLeftAlone) {
    World world;
    world.give({{"prod", 10}});
    world.shell.update_quota({guarantee("prod", 2)});
    world.pass(12s);
    const auto asked = world.asked();
    ASSERT_EQ(asked.size(), 1U);
    SchedulerCall accept = world.batch.make(SchedulerCall::ACCEPT_INVERSE_OFFERS);
    *accept.mutable_accept_inverse_offers()->add_inverse_offer_ids() = asked[0].id();
    world.batch.call(std::move(accept));
    // Another one than was meant: it knows best what it can spare.
    world.agents[0].update(world.batch.id, "one-old", mesos::v1::TASK_FINISHED);
    world.pass(2min);
    EXPECT_THAT(world.kills(), IsEmpty());
    EXPECT_EQ(world.prod->offers().size(), 1U);
    EXPECT_EQ(world.counted("withdrawn"), 1U);
}

TEST(Preemption, AVictimThatEndsWhileItIsKilledCountsOnce) {
    World world;
    world.give({{"prod", 10}});
    world.shell.update_quota({guarantee("prod", 2)});
    world.pass(50s);
    ASSERT_THAT(world.kills(), ElementsAre("two-new"));
    world.pass(3min);
    EXPECT_THAT(world.kills(), IsEmpty()) << "its end is on the way";
    world.agents[1].update(world.batch.id, "two-new", mesos::v1::TASK_FINISHED);
    world.pass(3min);
    EXPECT_THAT(world.kills(), IsEmpty());
    EXPECT_EQ(world.counted("tasks"), 1U);
}

mesos::v1::FrameworkInfo wants(std::string_view role, double cpus) {
    auto info = modern_info(role);
    auto& least = *(*info.mutable_offer_filters())[std::string(role)]
                       .mutable_min_allocatable_resources()
                       ->add_quantities();
    (*least.mutable_quantities())["cpus"].set_value(cpus);
    return info;
}

TEST(Preemption, UnusedOffersGoFirst) {
    World world(30s, wants("prod", 4));
    for (const char* task : {"one-old", "one-new"}) {
        world.agents[0].update(world.batch.id, task, mesos::v1::TASK_FINISHED);
    }
    ASSERT_EQ(world.batch.offers().size(), 2U) << "neither is as large as prod wants it";
    world.give({{"prod", 10}});
    world.pass(15s);
    EXPECT_EQ(world.prod->offers().size(), 1U);
    EXPECT_EQ(world.counted("offers_rescinded"), 2U);
    EXPECT_EQ(world.counted("asked"), 0U);
    EXPECT_EQ(world.counted("tasks"), 0U);
}

TEST(Preemption, TheUnreachableAreNotWaitedFor) {
    World world;
    world.give({{"prod", 10}});
    world.shell.update_quota({guarantee("prod", 2)});
    world.shell.disconnect(world.batch.stream);
    world.pass(13s);
    EXPECT_THAT(world.kills(), ElementsAre("two-new"));
    EXPECT_EQ(world.counted("asked"), 0U);
}

TEST(Preemption, WhoDeclinesWhatItGotWaitsLonger) {
    World world(0s, wants("prod", 2));
    world.give({{"prod", 10}});
    std::vector<Instant> when;
    for (int i = 0; i < 600 && when.size() < 3; ++i) {
        world.pass(1s);
        for (const std::string& task : world.kills()) {
            when.push_back(world.shell.now().instant);
            FakeAgent& agent = world.agents[task.starts_with("two")];
            agent.update(world.batch.id, task, mesos::v1::TASK_GONE);
            world.prod->decline(world.prod->offer(), 5);
            world.pass(2s);  // Until it is seen that nothing more comes.
            const auto offer = world.batch.offer();
            world.batch.accept({offer}, {task_info(offer, task + "x", "cpus:2;mem:512")});
            agent.take();
            agent.update(world.batch.id, task + "x", mesos::v1::TASK_RUNNING);
        }
    }
    ASSERT_EQ(when.size(), 3U);
    EXPECT_GE(when[1] - when[0], 20s);
    EXPECT_GE(when[2] - when[1], 40s);
}

TEST(Preemption, ADemandIsMetOnOneAgent) {
    World world(0s, wants("prod", 4));
    world.give({{"prod", 10}});
    world.pass(13s);
    const auto killed = world.kills();
    ASSERT_THAT(killed, ::testing::UnorderedElementsAre("two-old", "two-new"));
    EXPECT_THAT(world.why, HasSubstr("waited for an offer of cpus:4"));
    world.batch.take();
    for (const auto& task : killed) {
        world.agents[1].update(world.batch.id, task, mesos::v1::TASK_GONE);
        world.pass(2s);
    }
    EXPECT_THAT(world.batch.offers(), IsEmpty()) << "nobody else gets the parts";
    EXPECT_EQ(world.prod->offer().agent_id().value(), world.agents[1].id.value);
    world.pass(2min);
    EXPECT_THAT(world.kills(), IsEmpty()) << "it holds an offer";
}

TEST(Preemption, AfterAFailoverItIsJudgedAnew) {
    World world;
    world.give({{"prod", 10}});
    world.shell.update_quota({guarantee("prod", 2)});
    world.pass(12s);
    ASSERT_EQ(world.asked().size(), 1U);
    world.shell.crash_and_restart();
    EXPECT_THAT(world.shell.state().displaced, IsEmpty());
    EXPECT_THAT(world.shell.state().priorities, ::testing::SizeIs(1));
}

TEST(Preemption, WithoutBandsNothingIsEverLookedAt) {
    World world;
    world.shell.update_quota({guarantee("prod", 2)});
    world.pass(1min);
    EXPECT_EQ(world.shell.state().preemption_due, Instant::max());
    EXPECT_THAT(world.shell.state().starving, IsEmpty());
}

}  // namespace
}  // namespace tepui::master::testing
