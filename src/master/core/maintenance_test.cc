#include "master/core/maintenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"
#include "master/core/machines.h"

// The maintenance schedule: what it does to offers, whom it asks to leave, and what becomes of
// agents on machines that are taken down.
namespace tepui::master::testing {
namespace {

using mesos::v1::MachineInfo;
using mesos::v1::maintenance::Schedule;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Status = mesos::v1::allocator::InverseOfferStatus;

constexpr std::int64_t hour_ns = 3'600'000'000'000;
constexpr std::int64_t start_ns = 1'700'000'000 * 1'000'000'000LL + hour_ns;

mesos::v1::MachineID machine(std::string_view hostname, std::string_view ip) {
    mesos::v1::MachineID id;
    if (!hostname.empty()) id.set_hostname(std::string(hostname));
    if (!ip.empty()) id.set_ip(std::string(ip));
    return id;
}

const mesos::v1::MachineID node1 = machine("node1", "10.0.0.1");
const mesos::v1::MachineID node2 = machine("node2", "10.0.0.2");

Schedule schedule(const std::vector<mesos::v1::MachineID>& machines,
                  std::int64_t start = start_ns) {
    Schedule schedule;
    if (machines.empty()) return schedule;
    auto& window = *schedule.add_windows();
    for (const auto& id : machines) *window.add_machine_ids() = id;
    window.mutable_unavailability()->mutable_start()->set_nanoseconds(start);
    window.mutable_unavailability()->mutable_duration()->set_nanoseconds(hour_ns);
    return schedule;
}

RequestToken plan(FakeShell& shell, Schedule wanted) {
    return shell.ask(MaintenanceScheduleRequested{{}, std::move(wanted)});
}

RequestToken take_down(FakeShell& shell, std::vector<mesos::v1::MachineID> machines) {
    return shell.ask(MachinesRequested{{}, std::move(machines), true});
}

RequestToken bring_up(FakeShell& shell, std::vector<mesos::v1::MachineID> machines) {
    return shell.ask(MachinesRequested{{}, std::move(machines), false});
}

std::vector<SchedulerEvent::Type> types_of(const std::vector<SchedulerEvent>& events) {
    std::vector<SchedulerEvent::Type> types;
    for (const auto& event : events) types.push_back(event.type());
    return types;
}

std::vector<mesos::v1::InverseOffer> inverse_offers(FakeScheduler& scheduler) {
    std::vector<mesos::v1::InverseOffer> offers;
    for (const auto& event : scheduler.take(SchedulerEvent::INVERSE_OFFERS)) {
        for (const auto& offer : event.inverse_offers().inverse_offers()) offers.push_back(offer);
    }
    return offers;
}

void accept(FakeScheduler& scheduler, const mesos::v1::InverseOffer& offer,
            std::optional<double> refuse = std::nullopt) {
    SchedulerCall call = scheduler.make(SchedulerCall::ACCEPT_INVERSE_OFFERS);
    *call.mutable_accept_inverse_offers()->add_inverse_offer_ids() = offer.id();
    if (refuse) {
        call.mutable_accept_inverse_offers()->mutable_filters()->set_refuse_seconds(*refuse);
    }
    scheduler.call(std::move(call));
}

void decline(FakeScheduler& scheduler, const mesos::v1::InverseOffer& offer,
             std::optional<double> refuse = std::nullopt) {
    SchedulerCall call = scheduler.make(SchedulerCall::DECLINE_INVERSE_OFFERS);
    *call.mutable_decline_inverse_offers()->add_inverse_offer_ids() = offer.id();
    if (refuse) {
        call.mutable_decline_inverse_offers()->mutable_filters()->set_refuse_seconds(*refuse);
    }
    scheduler.call(std::move(call));
}

const Machine& only_machine(const FakeShell& shell) {
    EXPECT_EQ(shell.state().machines.size(), 1u);
    return shell.state().machines.begin()->second;
}

TEST(Maintenance, OffersTellOfItAndHoldersAreAskedToLeave) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    ASSERT_EQ(scheduler.offers().size(), 1u);
    shell.hold_writes();
    const RequestToken request = plan(shell, schedule({node1}));
    EXPECT_EQ(shell.answer(request), nullptr) << "stored first";
    EXPECT_TRUE(scheduler.take().empty());
    shell.persist_all();
    expect_answered(shell, request);
    const auto events = scheduler.take();
    ASSERT_THAT(types_of(events), ElementsAre(SchedulerEvent::RESCIND, SchedulerEvent::OFFERS,
                                              SchedulerEvent::INVERSE_OFFERS))
        << "in the recorded order";
    const auto& offer = events[1].offers().offers(0);
    EXPECT_EQ(offer.unavailability().start().nanoseconds(), start_ns);
    const auto& asked = events[2].inverse_offers().inverse_offers(0);
    EXPECT_EQ(asked.agent_id().value(), agent.id.value);
    EXPECT_EQ(asked.framework_id().value(), scheduler.id.value);
    EXPECT_EQ(asked.unavailability().duration().nanoseconds(), hour_ns);
    EXPECT_EQ(asked.url().path(), "/slave(1)");
    EXPECT_EQ(asked.url().address().port(), agent.info.port());
    EXPECT_EQ(asked.resources_size(), 0);
    EXPECT_NE(asked.id().value(), offer.id().value());

    // Nobody changes anything: nobody is asked again.
    shell.pass(10s);
    agent.pong();
    EXPECT_TRUE(inverse_offers(scheduler).empty());
    EXPECT_EQ(shell.state().inverse_offers.size(), 1u);

    const RequestToken emptied = plan(shell, {});
    shell.persist_all();
    expect_answered(shell, emptied);
    const auto ended = scheduler.take();
    ASSERT_THAT(types_of(ended),
                ElementsAre(SchedulerEvent::RESCIND, SchedulerEvent::RESCIND_INVERSE_OFFER,
                            SchedulerEvent::OFFERS));
    EXPECT_EQ(ended[1].rescind_inverse_offer().inverse_offer_id().value(), asked.id().value());
    EXPECT_FALSE(ended[2].offers().offers(0).has_unavailability());
    EXPECT_TRUE(shell.state().inverse_offers.empty());
    EXPECT_TRUE(shell.state().watched_agents.empty());
}

TEST(Maintenance, AskedWhenTheyComeToHoldSomethingThere) {
    FakeShell shell;
    FakeAgent first = register_agent(shell);
    expect_answered(shell, plan(shell, schedule({machine("NODE2", ""), node1})));
    FakeScheduler scheduler = subscribe(shell);
    auto asked = inverse_offers(scheduler);
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].agent_id().value(), first.id.value);
    FakeAgent second = register_agent(shell, agent_info("node2"));
    const auto events = scheduler.take();
    ASSERT_THAT(types_of(events),
                ElementsAre(SchedulerEvent::OFFERS, SchedulerEvent::INVERSE_OFFERS));
    EXPECT_TRUE(events[0].offers().offers(0).has_unavailability()) << "it registered later";
    EXPECT_EQ(events[1].inverse_offers().inverse_offers(0).agent_id().value(), second.id.value);
    FakeAgent third = register_agent(shell, agent_info("node3"));
    const auto offers = scheduler.offers();
    ASSERT_EQ(offers.size(), 1u);
    EXPECT_FALSE(offers[0].has_unavailability());

    // One that holds nothing there is not asked.
    FakeScheduler other = subscribe(shell);
    EXPECT_TRUE(other.take(SchedulerEvent::INVERSE_OFFERS).empty());
    // After a failover what it runs there counts.
    mesos::v1::Offer offer;
    for (const auto& entry : shell.state().offers) {
        if (entry.second.agent == first.id) offer = *entry.second.info;
    }
    scheduler.accept({offer}, {task_info(offer, "t1")});
    EXPECT_EQ(shell.state().inverse_offers.size(), 3u) << "the other was offered the rest";
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(scheduler.id.value);
    shell.disconnect(scheduler.stream);
    EXPECT_EQ(shell.state().inverse_offers.size(), 2u) << "the other's, who now got all offers";
    other.take();
    scheduler.stream = shell.subscribe(info);
    asked = inverse_offers(scheduler);
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].agent_id().value(), first.id.value);
}

TEST(Maintenance, AnswersAreShownAndRespected) {
    struct Row {
        bool accepts;
        std::optional<double> refuse;
        Duration silent;
    };
    const Row rows[] = {{true, std::nullopt, 5s},
                        {false, std::nullopt, 5s},
                        {false, 20, 20s},
                        {true, 0, 1s},  // At least one allocation interval.
                        {false, -1, 5s}};
    for (const Row& row : rows) {
        FakeShell shell;
        FakeAgent agent = register_agent(shell);
        FakeScheduler scheduler = subscribe(shell);
        launch(scheduler, agent, "t1");
        expect_answered(shell, plan(shell, schedule({node1})));
        const auto asked = inverse_offers(scheduler);
        ASSERT_EQ(asked.size(), 1u);
        EXPECT_TRUE(only_machine(shell).answers.empty());
        (row.accepts ? accept : decline)(scheduler, asked[0], row.refuse);
        const Status& status = only_machine(shell).answers.at(scheduler.id);
        EXPECT_EQ(status.status(), row.accepts ? Status::ACCEPT : Status::DECLINE);
        EXPECT_EQ(status.framework_id().value(), scheduler.id.value);
        EXPECT_EQ(status.timestamp().nanoseconds(), shell.now().wall.since_epoch.count());
        EXPECT_TRUE(shell.state().inverse_offers.empty());
        (row.accepts ? accept : decline)(scheduler, asked[0], row.refuse);  // Not valid any more.
        shell.pass(row.silent - 100ms);
        EXPECT_TRUE(inverse_offers(scheduler).empty());
        shell.pass(200ms);
        EXPECT_EQ(inverse_offers(scheduler).size(), 1u);
        // Another plan: it is asked at once, and its answer was for the old one.
        decline(scheduler, *shell.state().inverse_offers.begin()->second.info, 1000);
        expect_answered(shell, plan(shell, schedule({node1}, start_ns + hour_ns)));
        EXPECT_EQ(inverse_offers(scheduler).size(), 1u);
        EXPECT_TRUE(only_machine(shell).answers.empty());
        // REVIVE ends the filter.
        decline(scheduler, *shell.state().inverse_offers.begin()->second.info, 1000);
        EXPECT_TRUE(inverse_offers(scheduler).empty());
        scheduler.call(scheduler.make(SchedulerCall::REVIVE));
        EXPECT_EQ(inverse_offers(scheduler).size(), 1u);
        // The end of the framework takes its answer away.
        decline(scheduler, *shell.state().inverse_offers.begin()->second.info);
        EXPECT_EQ(only_machine(shell).answers.size(), 1u);
        shell.teardown(scheduler.id);
        EXPECT_TRUE(only_machine(shell).answers.empty());
        shell.pass(10s);
        EXPECT_TRUE(shell.state().inverse_offers.empty());
    }
}

TEST(Maintenance, AnAgentThatIsAwayIsNotAskedAbout) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    expect_answered(shell, plan(shell, schedule({node1})));
    scheduler.take();
    shell.close_link(agent.link);
    EXPECT_EQ(scheduler.take(SchedulerEvent::RESCIND_INVERSE_OFFER).size(), 1u);
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)}, {});
    EXPECT_EQ(inverse_offers(scheduler).size(), 1u);
    shell.deactivate(agent.id);
    EXPECT_EQ(scheduler.take(SchedulerEvent::RESCIND_INVERSE_OFFER).size(), 1u);
    shell.reactivate(agent.id);
    EXPECT_EQ(inverse_offers(scheduler).size(), 1u);
    shell.pass(76s);
    EXPECT_TRUE(shell.state().inverse_offers.empty());
    EXPECT_TRUE(shell.state().watched_agents.empty());
}

TEST(Maintenance, DownMachinesLoseTheirAgents) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    expect_answered(shell, plan(shell, schedule({node1, node2})));
    shell.pass(6s);
    scheduler.take();
    agent.pong();
    agent.take();
    shell.hold_writes();
    const RequestToken request = take_down(shell, {node1});
    EXPECT_TRUE(shell.persist_one());
    expect_answered(shell, request);
    EXPECT_TRUE(shell.state().agents.contains(agent.id)) << "removed when that is stored";
    shell.persist_all();
    EXPECT_TRUE(shell.state().agents.empty());
    EXPECT_EQ(shell.state().counters.at("slave_removals"), 1u);
    const auto frames = agent.take(link::ToAgent::kShutdownAgent);
    ASSERT_EQ(frames.size(), 1u);
    const auto events = scheduler.take();
    ASSERT_THAT(types_of(events),
                ElementsAre(SchedulerEvent::UPDATE, SchedulerEvent::RESCIND,
                            SchedulerEvent::RESCIND_INVERSE_OFFER, SchedulerEvent::FAILURE))
        << "in the recorded order";
    const auto& status = events[0].update().status();
    EXPECT_EQ(status.state(), mesos::v1::TASK_LOST) << "also for one that is partition-aware";
    EXPECT_EQ(status.reason(), mesos::v1::TaskStatus::REASON_AGENT_REMOVED);
    EXPECT_EQ(status.message(), "Agent node1 removed: Operator initiated 'Machine DOWN'");

    // Neither the old agent nor a new one may come, also not to a later master.
    for (const bool master_restarts : {false, true}) {
        if (master_restarts) shell.crash_and_restart(), shell.persist_all();
        EXPECT_EQ(shell.state().machines.at(machine_key(node1)).mode, MachineInfo::DOWN);
        agent.reregister({}, {});
        auto told = agent.take();
        ASSERT_EQ(told.size(), 1u);
        EXPECT_THAT(told[0].shutdown_agent().message(), HasSubstr("down for maintenance"));
        link::ToMaster frame;
        *frame.mutable_register_agent()->mutable_agent() = agent_info();
        frame.mutable_register_agent()->set_version("1.12.0");
        frame.set_agent_id("");
        agent.link = shell.open_link();
        shell.frame(agent.link, frame);
        EXPECT_EQ(agent.take(link::ToAgent::kShutdownAgent).size(), 1u);
        EXPECT_EQ(shell.held_writes(), 0u);
        EXPECT_TRUE(shell.state().agents.empty());
    }
    const RequestToken up = bring_up(shell, {node1});
    shell.persist_all();
    expect_answered(shell, up);
    EXPECT_EQ(only_machine(shell).id.hostname(), "node2") << "the other stays in the schedule";
    ASSERT_EQ(shell.state().maintenance_schedule.windows_size(), 1);
    EXPECT_EQ(shell.state().maintenance_schedule.windows(0).machine_ids_size(), 1);
    agent.reregister({}, {});
    shell.persist_all();
    EXPECT_TRUE(shell.state().agents.contains(agent.id));
}

TEST(Maintenance, AnAgentThatIsJustRegisteringIsCaughtToo) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    agent.info.mutable_attributes(0)->mutable_text()->set_value("r2");
    expect_answered(shell, plan(shell, schedule({node1})));
    shell.hold_writes();
    take_down(shell, {node1});
    shell.close_link(agent.link);
    agent.reregister({}, {}, /*restarted=*/true);
    shell.persist_all();
    EXPECT_TRUE(shell.state().agents.empty());
    EXPECT_FALSE(shell.registry().contains(agent_key(agent.id)));
}

TEST(Maintenance, IsRecovered) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    expect_answered(shell, plan(shell, schedule({node1, node2})));
    expect_answered(shell, take_down(shell, {node2}));
    shell.crash_and_restart();
    EXPECT_EQ(shell.state().maintenance_schedule.windows_size(), 1);
    EXPECT_EQ(shell.state().machines.at(machine_key(node1)).mode, MachineInfo::DRAINING);
    EXPECT_EQ(shell.state().machines.at(machine_key(node2)).mode, MachineInfo::DOWN);
    FakeScheduler scheduler = subscribe(shell);
    agent.reregister({}, {});
    EXPECT_THAT(types_of(scheduler.take()), ::testing::Contains(SchedulerEvent::INVERSE_OFFERS));
}

TEST(Maintenance, RefusesWhatMakesNoSense) {
    FakeShell shell;
    expect_refused(shell, take_down(shell, {}), Errc::invalid_argument, "No machine");
    expect_refused(shell, take_down(shell, {node1}), Errc::invalid_argument,
                   "not in the maintenance schedule");
    expect_refused(shell, plan(shell, schedule({node1, node1})), Errc::invalid_argument, "twice");
    expect_refused(shell, plan(shell, schedule({node1, machine("NODE1", "10.0.0.1")})),
                   Errc::invalid_argument, "twice");
    expect_refused(shell, plan(shell, schedule({machine("", "")})), Errc::invalid_argument,
                   "hostname or an ip");
    expect_refused(shell, plan(shell, schedule({machine("n", "10.0.0.256")})),
                   Errc::invalid_argument, "10.0.0.256");
    expect_refused(shell, plan(shell, schedule({machine("n", "somewhere")})),
                   Errc::invalid_argument, "somewhere");
    Schedule empty_window = schedule({node1});
    empty_window.mutable_windows(0)->clear_machine_ids();
    expect_refused(shell, plan(shell, empty_window), Errc::invalid_argument, "no machine");
    Schedule negative = schedule({node1});
    negative.mutable_windows(0)->mutable_unavailability()->mutable_duration()->set_nanoseconds(-1);
    expect_refused(shell, plan(shell, negative), Errc::invalid_argument, "-1");
    EXPECT_TRUE(shell.state().machines.empty());
    expect_answered(shell, plan(shell, schedule({machine("n", "::1")})));

    // What was asked before counts, also while it is being stored.
    shell.hold_writes();
    const RequestToken planned = plan(shell, schedule({node1, node2}));
    const RequestToken down = take_down(shell, {node1});
    expect_refused(shell, take_down(shell, {node1}), Errc::invalid_argument, "down already");
    expect_refused(shell, bring_up(shell, {node2}), Errc::invalid_argument, "not down");
    expect_refused(shell, take_down(shell, {machine("node1", "")}), Errc::invalid_argument,
                   "not in the maintenance");
    expect_refused(shell, plan(shell, schedule({node2})), Errc::invalid_argument, "is down");
    shell.persist_all();
    expect_answered(shell, planned);
    expect_answered(shell, down);
    EXPECT_EQ(shell.state().machines.at(machine_key(node1)).mode, MachineInfo::DOWN);
    expect_refused(shell, plan(shell, {}), Errc::invalid_argument, "is down");
}

}  // namespace
}  // namespace tepui::master::testing
