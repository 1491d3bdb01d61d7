#include "master/core/drain.h"

#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// DRAIN_AGENT: when an agent is drained or gone, what the drain outlasts, and how it is taken back.
namespace tepui::master::testing {
namespace {

RequestToken drain(FakeShell& shell, const AgentId& id, std::optional<Duration> grace = {},
                   bool mark_gone = false) {
    mesos::v1::DrainConfig config;
    if (grace) config.mutable_max_grace_period()->set_nanoseconds(grace->count());
    if (mark_gone) config.set_mark_gone(true);
    return shell.ask(DrainRequested{{}, id, config});
}

RequestToken cancel(FakeShell& shell, const AgentId& id) {
    return shell.ask(DrainCancelRequested{{}, id});
}

mesos::v1::DrainState state_of(const FakeShell& shell, const AgentId& id) {
    const auto it = shell.state().drains.find(id);
    return it == shell.state().drains.end() ? mesos::v1::UNKNOWN : it->second.state();
}

// The task is killed, and its framework acknowledges.
void end_task(FakeScheduler& scheduler, FakeAgent& agent, std::string_view task) {
    agent.update(scheduler.id, task, mesos::v1::TASK_KILLED);
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    scheduler.acknowledge(updates[0]);
}

TEST(Drain, EndsWhenTheLastUpdateIsAcknowledged) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    shell.pass(6s);
    agent.pong();
    ASSERT_EQ(shell.state().offers.size(), 1u);
    scheduler.take();
    agent.take();
    shell.hold_writes();
    const RequestToken request = drain(shell, agent.id, 30s);
    EXPECT_EQ(shell.answer(request), nullptr) << "stored first";
    EXPECT_TRUE(agent.take().empty());
    EXPECT_TRUE(scheduler.take().empty());
    shell.persist_all();
    expect_answered(shell, request);
    const auto frames = agent.take();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].drain_agent().config().max_grace_period().nanoseconds(), 30'000'000'000);
    EXPECT_EQ(scheduler.take(SchedulerEvent::RESCIND).size(), 1u);
    const Agent& draining = shell.state().agents.at(agent.id);
    EXPECT_TRUE(draining.deactivated);
    EXPECT_FALSE(draining.active());
    EXPECT_EQ(draining.drain_told_at, shell.now().wall);
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINING);
    EXPECT_TRUE(record_of(shell, agent.id).deactivated());
    EXPECT_EQ(record_of(shell, agent.id).drain().state(), mesos::v1::DRAINING);

    agent.update(scheduler.id, "t1", mesos::v1::TASK_KILLED);
    EXPECT_EQ(shell.held_writes(), 0u) << "not acknowledged yet";
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    scheduler.acknowledge(updates[0]);
    EXPECT_EQ(shell.held_writes(), 1u);
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINING);
    shell.persist_all();
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINED);
    EXPECT_EQ(record_of(shell, agent.id).drain().state(), mesos::v1::DRAINED);
    EXPECT_TRUE(shell.state().offers.empty());

    const RequestToken back = shell.reactivate(agent.id);
    shell.persist_all();
    expect_answered(shell, back);
    EXPECT_EQ(shell.state().offers.size(), 1u);
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::UNKNOWN);
    EXPECT_FALSE(record_of(shell, agent.id).has_drain());
    EXPECT_FALSE(record_of(shell, agent.id).deactivated());
    EXPECT_TRUE(shell.state().watched_agents.empty());
}

TEST(Drain, OfAnEmptyAgentIsDoneAtOnceAndMayBeAskedAgain) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    expect_answered(shell, drain(shell, agent.id, 1s));
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINED);
    // The newest config counts (recorded: DRAIN_AGENT of a drained agent is answered 200).
    expect_answered(shell, drain(shell, agent.id));
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINED);
    const auto& config = shell.state().drains.at(agent.id).config();
    EXPECT_FALSE(config.has_max_grace_period());
    EXPECT_TRUE(config.has_mark_gone());
    expect_answered(shell, drain(shell, agent.id, {}, /*mark_gone=*/true));
    EXPECT_TRUE(shell.state().gone_agents.contains(agent.id));
}

TEST(Drain, MarksGoneAndWhatComesBackIsShutDown) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    expect_answered(shell, drain(shell, agent.id, {}, /*mark_gone=*/true));
    EXPECT_FALSE(shell.state().gone_agents.contains(agent.id));
    const auto frames = agent.take(link::ToAgent::kDrainAgent);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_TRUE(frames[0].drain_agent().config().mark_gone());
    agent.update(scheduler.id, "t1", mesos::v1::TASK_GONE_BY_OPERATOR);
    scheduler.acknowledge(scheduler.updates().at(0));
    EXPECT_TRUE(shell.state().gone_agents.contains(agent.id));
    EXPECT_TRUE(shell.state().agents.empty());
    EXPECT_TRUE(shell.state().drains.empty());
    EXPECT_TRUE(shell.state().deactivated_agents.empty());
    EXPECT_TRUE(shell.state().watched_agents.empty());
    EXPECT_EQ(agent.take(link::ToAgent::kShutdownAgent).size(), 1u);
    EXPECT_EQ(scheduler.take(SchedulerEvent::FAILURE).size(), 1u);
    shell.crash_and_restart();
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)}, {});
    EXPECT_EQ(agent.take(link::ToAgent::kShutdownAgent).size(), 1u);
    EXPECT_TRUE(shell.state().agents.empty());
}

TEST(Drain, OutlastsWhateverBecomesOfTheAgent) {
    using Happens = std::function<void(FakeShell&, FakeAgent&)>;
    const std::pair<const char*, Happens> rows[] = {
        {"reconnects", [](FakeShell& shell, FakeAgent& agent) { shell.close_link(agent.link); }},
        {"changes",
         [](FakeShell& shell, FakeAgent& agent) {
             shell.close_link(agent.link);
             agent.info.mutable_attributes(0)->mutable_text()->set_value("r2");
         }},
        {"is unreachable", [](FakeShell& shell, FakeAgent&) { shell.pass(76s); }},
        {"is unreachable, the master restarts",
         [](FakeShell& shell, FakeAgent&) {
             shell.pass(76s);
             shell.crash_and_restart();
         }},
        {"the master restarts", [](FakeShell& shell, FakeAgent&) { shell.crash_and_restart(); }},
        {"stays away after a restart", [](FakeShell& shell, FakeAgent&) {
             shell.crash_and_restart();
             shell.pass(11min);
         }}};
    for (const bool drains_while_away : {false, true}) {
        for (const auto& [name, happens] : rows) {
            SCOPED_TRACE(name);
            SCOPED_TRACE(drains_while_away);
            FakeShell shell;
            FakeAgent agent = register_agent(shell);
            FakeScheduler scheduler = subscribe(shell);
            launch(scheduler, agent, "t1");
            agent.update(scheduler.id, "t1", mesos::v1::TASK_RUNNING);
            const mesos::v1::FrameworkInfo framework = info_of(shell, scheduler.id);
            if (!drains_while_away) expect_answered(shell, drain(shell, agent.id, 7s));
            happens(shell, agent);
            if (drains_while_away) expect_answered(shell, drain(shell, agent.id, 7s));
            EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINING);
            EXPECT_EQ(record_of(shell, agent.id).drain().state(), mesos::v1::DRAINING);
            scheduler.stream = shell.subscribe(framework);
            agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                             {framework});
            ASSERT_TRUE(shell.state().agents.contains(agent.id));
            EXPECT_EQ(agent.take(link::ToAgent::kDrainAgent).size(), 1u) << "told again";
            EXPECT_FALSE(shell.state().agents.at(agent.id).active());
            EXPECT_EQ(record_of(shell, agent.id).drain().state(), mesos::v1::DRAINING);
            scheduler.take();
            end_task(scheduler, agent, "t1");
            EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINED);
            // Drained it stays, and is not told again.
            shell.crash_and_restart();
            agent.reregister({}, {});
            EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINED);
            EXPECT_TRUE(agent.take(link::ToAgent::kDrainAgent).empty());
            subscribe(shell);
            EXPECT_TRUE(shell.state().offers.empty());
            expect_answered(shell, shell.reactivate(agent.id));
            EXPECT_EQ(shell.state().offers.size(), 1u);
        }
    }
}

TEST(Drain, WaitsForTheAgentToComeBackWithoutItsTasks) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    agent.update(scheduler.id, "t1", mesos::v1::TASK_RUNNING);
    expect_answered(shell, drain(shell, agent.id));
    shell.pass(76s);
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINING);
    agent.reregister({}, {}, /*restarted=*/true);
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINED);
}

TEST(Drain, IsTakenBack) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    expect_answered(shell, drain(shell, agent.id, {}, /*mark_gone=*/true));
    expect_refused(shell, shell.reactivate(agent.id), Errc::conflict, "still draining");
    shell.hold_writes();
    const RequestToken request = cancel(shell, agent.id);
    EXPECT_EQ(shell.answer(request), nullptr);
    // It is done just now, but the newer wish is known.
    end_task(scheduler, agent, "t1");
    EXPECT_EQ(shell.held_writes(), 1u);
    shell.persist_all();
    expect_answered(shell, request);
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::UNKNOWN);
    EXPECT_TRUE(shell.state().agents.at(agent.id).active());
    EXPECT_FALSE(shell.state().agents.at(agent.id).drain_told_at);
    EXPECT_EQ(shell.state().offers.size(), 1u);
    EXPECT_FALSE(record_of(shell, agent.id).has_drain());
    expect_refused(shell, cancel(shell, agent.id), Errc::conflict, "not draining");
    const RequestToken again = drain(shell, agent.id);
    shell.persist_all();
    expect_answered(shell, again);
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINED);
    expect_refused(shell, cancel(shell, agent.id), Errc::conflict, "REACTIVATE_AGENT");
}

TEST(Drain, TheLastWishCounts) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    subscribe(shell);
    shell.hold_writes();
    const RequestToken requests[] = {drain(shell, agent.id, 1s), cancel(shell, agent.id),
                                     shell.deactivate(agent.id), drain(shell, agent.id, 2s)};
    expect_refused(shell, shell.reactivate(agent.id), Errc::conflict);
    shell.persist_all();
    for (const RequestToken request : requests) expect_answered(shell, request);
    EXPECT_EQ(state_of(shell, agent.id), mesos::v1::DRAINED);
    EXPECT_EQ(shell.state().drains.at(agent.id).config().max_grace_period().nanoseconds(),
              2'000'000'000);
    EXPECT_TRUE(shell.state().pending.deactivations.empty());
    EXPECT_TRUE(shell.state().offers.empty());
}

TEST(Drain, RefusesWhatMakesNoSense) {
    FakeShell shell;
    expect_refused(shell, drain(shell, AgentId{"nobody"}), Errc::not_found, "nobody");
    expect_refused(shell, cancel(shell, AgentId{"nobody"}), Errc::not_found, "nobody");
    FakeAgent agent = register_agent(shell);
    expect_refused(shell, drain(shell, agent.id, -1s), Errc::invalid_argument, "negative");
    expect_refused(shell, cancel(shell, agent.id), Errc::conflict);
    mesos::v1::maintenance::Schedule schedule;
    schedule.add_windows()->add_machine_ids()->set_hostname("node1");
    schedule.mutable_windows(0)->mutable_unavailability()->mutable_start()->set_nanoseconds(1);
    expect_answered(shell, shell.ask(MaintenanceScheduleRequested{{}, schedule}));
    expect_refused(shell, drain(shell, agent.id), Errc::invalid_argument, "schedule");
    shell.crash_and_restart();  // It is only recovered.
    expect_refused(shell, drain(shell, agent.id), Errc::invalid_argument, "schedule");
    expect_answered(shell, shell.ask(MaintenanceScheduleRequested{{}, {}}));
    agent.reregister({}, {});
    shell.hold_writes();
    shell.pass(76s);  // It is being marked unreachable.
    expect_refused(shell, drain(shell, agent.id), Errc::unavailable);
    shell.persist_all();

    FakeAgent old{shell, shell.open_link(), {}, agent_info("old")};
    link::ToMaster frame;
    *frame.mutable_register_agent()->mutable_agent() = old.info;
    frame.mutable_register_agent()->set_version("1.9.0");
    frame.set_agent_id("");
    shell.frame(old.link, frame);
    shell.persist_all();
    const AgentId id{old.take().at(0).agent_registered().agent_id().value()};
    expect_refused(shell, drain(shell, id), Errc::invalid_argument, "AGENT_DRAINING");
}

}  // namespace
}  // namespace tepui::master::testing
