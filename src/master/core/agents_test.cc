#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"

// Registration, pings, disconnection, unreachability, removal.
namespace tepui::master::testing {
namespace {

using mesos::v1::TaskStatus;
using ::testing::HasSubstr;

link::ToMaster register_frame(const mesos::v1::AgentInfo& info,
                              std::optional<std::uint64_t> channel = std::nullopt) {
    link::ToMaster frame;
    frame.set_agent_id("");
    *frame.mutable_register_agent()->mutable_agent() = info;
    frame.mutable_register_agent()->set_version("1.12.0");
    if (channel) frame.set_channel(*channel);
    return frame;
}

// Lets pings go unanswered until the agent is given up.
void let_time_out(FakeShell& shell) { shell.pass(76s); }

TEST(AgentRegistration, IsAnsweredOnlyWhenStored) {
    FakeShell shell;
    shell.hold_writes();
    const LinkId link = shell.open_link();
    shell.frame(link, register_frame(agent_info()));
    shell.frame(link, register_frame(agent_info()));  // Repeated: it makes no second agent.
    EXPECT_TRUE(shell.take_frames(link).empty());
    EXPECT_TRUE(shell.state().agents.empty());
    EXPECT_EQ(shell.held_writes(), 1u);
    shell.persist_all();
    const auto frames = shell.take_frames(link);
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0].agent_registered().agent_id().value(), "m1-S0");
    EXPECT_EQ(frames[0].agent_id(), "m1-S0");
    EXPECT_TRUE(frames[1].ping().connected());
    shell.frame(link, register_frame(agent_info()));  // The answer was lost: again.
    EXPECT_EQ(shell.take_frames(link).at(0).agent_registered().agent_id().value(), "m1-S0");
    EXPECT_EQ(shell.state().agents.size(), 1u);
}

TEST(AgentRegistration, ChannelsShareAConnection) {
    FakeShell shell;
    const LinkId link = shell.open_link();
    shell.frame(link, register_frame(agent_info("node1"), 5));
    shell.frame(link, register_frame(agent_info("node2"), 6));
    const auto frames = shell.take_frames(link);
    ASSERT_EQ(frames.size(), 4u);
    EXPECT_EQ(frames[0].channel(), 5u);
    EXPECT_EQ(frames[2].channel(), 6u);
    EXPECT_NE(frames[0].agent_id(), frames[2].agent_id());
    shell.close_link(link);
    for (const auto& [id, agent] : shell.state().agents) EXPECT_FALSE(agent.connected());
}

TEST(AgentRegistration, AbandonedOnesLeaveNothing) {
    FakeShell shell;
    shell.hold_writes();
    const LinkId link = shell.open_link();
    shell.frame(link, register_frame(agent_info()));
    shell.close_link(link);
    shell.persist_all();
    EXPECT_TRUE(shell.state().agents.empty());
    EXPECT_FALSE(shell.registry().contains("agents/m1-S0"));
    EXPECT_TRUE(shell.state().links.empty());
}

TEST(AgentRegistration, BadOnesAreToldToStop) {
    FakeShell shell;
    mesos::v1::AgentInfo nameless = agent_info();
    nameless.set_hostname("");
    mesos::v1::AgentInfo negative = agent_info();
    negative.mutable_resources(0)->mutable_scalar()->set_value(-1);
    mesos::v1::AgentInfo portless = agent_info();
    portless.set_port(0);
    mesos::v1::AgentInfo allocated = agent_info();
    allocated.mutable_resources(0)->mutable_allocation_info()->set_role("ops");
    for (const auto& info : {nameless, negative, portless, allocated}) {
        const LinkId link = shell.open_link();
        shell.frame(link, register_frame(info));
        const auto frames = shell.take_frames(link);
        ASSERT_EQ(frames.size(), 1u);
        EXPECT_TRUE(frames[0].has_shutdown_agent());
    }
    EXPECT_TRUE(shell.state().agents.empty());
}

TEST(AgentRegistration, OfOldVersionsIsRefused) {
    FakeShell shell;
    for (const char* version : {"0.28.2", "", "1", "x.y"}) {
        SCOPED_TRACE(version);
        const LinkId link = shell.open_link();
        link::ToMaster frame = register_frame(agent_info());
        frame.mutable_register_agent()->set_version(version);
        shell.frame(link, frame);
        const auto frames = shell.take_frames(link);
        ASSERT_EQ(frames.size(), 1u);
        EXPECT_THAT(frames[0].shutdown_agent().message(), HasSubstr("1."));
    }
    // One that has tasks keeps them.
    FakeAgent agent = register_agent(shell);
    link::ToMaster frame;
    *frame.mutable_reregister_agent()->mutable_agent() = agent.info;
    frame.mutable_reregister_agent()->set_version("0.28.2");
    agent.take();
    agent.send(frame);
    EXPECT_TRUE(agent.take().empty());
    EXPECT_TRUE(shell.logged("0.28.2"));
}

TEST(Reregistration, TheAddressThatTheAgentTellsCounts) {
    struct Row {
        const char* name;
        std::string first;
        std::string second;
        bool refused;
    };
    const Row rows[] = {
        {"the same", "10.0.0.5", "10.0.0.5", false},
        {"a copy at another address of the machine", "10.0.0.5", "10.0.0.6", true},
        {"not told", "", "", false},
        {"not an address", "no address!", "nor this", false},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        FakeShell shell;
        const LinkId link = shell.open_link();
        link::ToMaster first = register_frame(agent_info());
        if (!row.first.empty()) first.mutable_register_agent()->set_ip(row.first);
        shell.frame(link, first);
        FakeAgent agent{shell, link, shell.state().agents.begin()->first, agent_info()};
        agent.info.mutable_id()->set_value(agent.id.value);
        FakeAgent copy = agent;
        copy.link = shell.open_link();
        link::ToMaster second;
        *second.mutable_reregister_agent()->mutable_agent() = agent.info;
        second.mutable_reregister_agent()->set_version("1.12.0");
        if (!row.second.empty()) second.mutable_reregister_agent()->set_ip(row.second);
        copy.send(second);
        const auto frames = copy.take();
        ASSERT_FALSE(frames.empty());
        EXPECT_EQ(frames[0].has_shutdown_agent(), row.refused);
        EXPECT_EQ(shell.state().agents.at(agent.id).link, row.refused ? agent.link : copy.link);
        if (row.refused) {
            EXPECT_THAT(frames[0].shutdown_agent().message(), HasSubstr("is a copy"));
        }
    }
}

TEST(AgentRegistration, ReplacesTheOneAtItsAddress) {
    FakeShell shell;
    FakeAgent old = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, old, "t1");
    scheduler.take();
    FakeAgent fresh = register_agent(shell);
    EXPECT_NE(fresh.id, old.id);
    EXPECT_FALSE(shell.state().agents.contains(old.id));
    EXPECT_FALSE(shell.registry().contains("agents/" + old.id.value));
    EXPECT_TRUE(shell.registry().contains("agents/" + fresh.id.value));
    const auto events = scheduler.take();
    ASSERT_GE(events.size(), 2u);
    std::vector<TaskStatus> statuses;
    for (const auto& event : events) {
        if (event.has_update()) statuses.push_back(event.update().status());
    }
    ASSERT_EQ(statuses.size(), 1u);
    EXPECT_EQ(statuses[0].state(), mesos::v1::TASK_LOST) << "for partition-aware ones too";
    EXPECT_EQ(statuses[0].reason(), TaskStatus::REASON_AGENT_REMOVED);
    EXPECT_EQ(shell.state().counters.at("slave_removals/reason_registered"), 1u);
}

TEST(AgentRegistration, Unregisters) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    launch(scheduler, agent, "ended");
    agent.update(scheduler.id, "ended", mesos::v1::TASK_KILLED);  // Not acknowledged yet.
    scheduler.take();
    shell.hold_writes();
    link::ToMaster frame;
    frame.mutable_unregister_agent();
    agent.send(frame);
    EXPECT_TRUE(scheduler.take().empty());
    shell.persist_all();
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u) << "what ended stays what it was";
    EXPECT_EQ(updates[0].task_id().value(), "t1");
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_LOST);
    EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_AGENT_REMOVED);
    EXPECT_EQ(agent.take(link::ToAgent::kShutdownAgent).size(), 1u) << "the answer";
    EXPECT_FALSE(shell.registry().contains("agents/" + agent.id.value));
    EXPECT_TRUE(shell.state().agents_by_address.empty());
    EXPECT_EQ(shell.state().counters.at("slave_removals/reason_unregistered"), 1u);
}

TEST(AgentFrames, OfAnotherConnectionAreIgnored) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    scheduler.take();
    FakeAgent impostor = agent;
    impostor.link = shell.open_link();
    impostor.update(scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    EXPECT_TRUE(scheduler.updates().empty());
    EXPECT_EQ(shell.state().frameworks.at(scheduler.id).tasks.at(TaskId{"t1"}).info->state(),
              mesos::v1::TASK_STAGING);
    const auto pings = impostor.take(link::ToAgent::kPing);
    ASSERT_EQ(pings.size(), 1u);
    EXPECT_FALSE(pings[0].ping().connected());
    impostor.pong();
    EXPECT_TRUE(impostor.take().empty()) << "a pong is not answered: that would go on for ever";
}

TEST(AgentFrames, StrayOnesDoNoHarm) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    link::ToMaster empty;
    agent.send(empty);
    link::ToMaster wrong;
    wrong.mutable_reregister_agent()->mutable_agent()->set_hostname("x");
    wrong.mutable_reregister_agent()->mutable_agent()->mutable_id()->set_value("someone else");
    wrong.mutable_reregister_agent()->set_version("1");
    agent.send(wrong);
    link::ToMaster exited;
    exited.mutable_executor_exited()->mutable_framework_id()->set_value("f");
    exited.mutable_executor_exited()->mutable_executor_id()->set_value("e");
    exited.mutable_executor_exited()->set_status(0);
    agent.send(exited);
    link::ToMaster bad_uuid;
    auto& update = *bad_uuid.mutable_status_update();
    update.mutable_framework_id()->set_value("f");
    update.mutable_status()->mutable_task_id()->set_value("t");
    update.mutable_status()->set_state(mesos::v1::TASK_RUNNING);
    update.set_latest_state(mesos::v1::TASK_RUNNING);
    agent.send(bad_uuid);
    EXPECT_EQ(shell.state().counters.at("invalid_status_updates"), 1u);
    EXPECT_TRUE(shell.state().agents.at(agent.id).connected());
    shell.close_link(LinkId{999});
}

TEST(Pings, FiveUnansweredMakeItUnreachableAfter75Seconds) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    shell.pass(74s);
    EXPECT_TRUE(shell.state().agents.contains(agent.id));
    EXPECT_EQ(agent.take(link::ToAgent::kPing).size(), 4u);  // One more came with the answer.
    scheduler.take();
    shell.pass(1s);
    EXPECT_FALSE(shell.state().agents.contains(agent.id));
    EXPECT_TRUE(shell.state().unreachable_agents.contains(agent.id));
    EXPECT_EQ(scheduler.take(SchedulerEvent::FAILURE).size(), 1u);
    EXPECT_TRUE(shell.closed(agent.link)) << "it may still hear: it shall register again";
}

TEST(Pings, OnePongStartsTheCountAnew) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    shell.pass(70s);
    agent.pong();
    shell.pass(70s);
    EXPECT_TRUE(shell.state().agents.contains(agent.id));
    agent.pong();
    shell.pass(200s);
    EXPECT_FALSE(shell.state().agents.contains(agent.id));
}

TEST(Disconnected, OffersAreRescindedAndTasksWait) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    scheduler.take();
    shell.close_link(agent.link);
    const auto events = scheduler.take();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].type(), SchedulerEvent::RESCIND);
    EXPECT_TRUE(shell.state().offers.empty());
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                     {info_of(shell, scheduler.id)});
    EXPECT_TRUE(scheduler.updates().empty());
    EXPECT_EQ(shell.state().frameworks.at(scheduler.id).tasks.at(TaskId{"t1"}).info->state(),
              mesos::v1::TASK_RUNNING);
}

TEST(Disconnected, FrameworksWithoutCheckpointingLoseTheirTasks) {
    for (const bool partition_aware : {false, true}) {
        SCOPED_TRACE(partition_aware);
        FakeShell shell;
        FakeAgent agent = register_agent(shell);
        mesos::v1::FrameworkInfo info = plain_info(/*checkpoint=*/false);
        if (partition_aware) {
            add_capability(info, mesos::v1::FrameworkInfo::Capability::PARTITION_AWARE);
        }
        FakeScheduler scheduler = subscribe(shell, info);
        launch(scheduler, agent, "t1");
        agent.update(scheduler.id, "t1", mesos::v1::TASK_RUNNING);
        scheduler.take();
        shell.close_link(agent.link);
        const auto events = scheduler.take();
        ASSERT_EQ(events.size(), 2u) << "RESCIND, UPDATE and no FAILURE";
        const TaskStatus& status = events[1].update().status();
        EXPECT_EQ(status.state(), mesos::v1::TASK_LOST);
        EXPECT_EQ(status.reason(), TaskStatus::REASON_AGENT_DISCONNECTED);
        EXPECT_EQ(status.message(), "Agent node1 disconnected");
        EXPECT_EQ(status.source(), TaskStatus::SOURCE_MASTER);
        EXPECT_FALSE(status.has_uuid());
        EXPECT_TRUE(shell.state().agents.at(agent.id).used.empty());
        // If the agent still runs it, it has to go: the framework was told it is lost.
        agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)}, {info});
        EXPECT_EQ(agent.take(link::ToAgent::kKillTask).size(), 1u);
        EXPECT_FALSE(shell.state().agents.at(agent.id).used.empty()) << "until it is gone";
    }
}

TEST(Unreachable, IsStoredBeforeItIsTold) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    scheduler.take();
    shell.hold_writes();
    let_time_out(shell);
    EXPECT_TRUE(scheduler.updates().empty());
    shell.persist_all();
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_UNREACHABLE);
    EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_AGENT_REMOVED);
    EXPECT_EQ(updates[0].message(), "health check timed out");
    EXPECT_TRUE(updates[0].has_unreachable_time());
    EXPECT_EQ(updates[0].agent_id().value(), agent.id.value);
    const Framework& framework = shell.state().frameworks.at(scheduler.id);
    EXPECT_TRUE(framework.tasks.empty());
    EXPECT_EQ(framework.unreachable_tasks.at(TaskId{"t1"})->state(), mesos::v1::TASK_UNREACHABLE);
    EXPECT_EQ(shell.state().unreachable_task_count, 1u);
}

// A RunTask may be held back in the connection while the agent, which still waits for an answer,
// goes on registering over it: such a list would make the task gone, and then it would run.
TEST(Unreachable, TheOldConnectionDoesNotBringTheAgentBack) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    shell.hold_writes();
    let_time_out(shell);
    agent.reregister({}, {}, false, /*same_link=*/true);  // Before it is stored, and after.
    shell.persist_all();
    ASSERT_TRUE(shell.closed(agent.link));
    agent.reregister({}, {}, false, /*same_link=*/true);
    shell.persist_all();
    EXPECT_TRUE(shell.state().unreachable_agents.contains(agent.id));
    scheduler.take();
    scheduler.reconcile("t1", agent.id.value);
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_UNREACHABLE);
    shell.close_link(agent.link);
    EXPECT_TRUE(shell.state().links.empty());
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                     {info_of(shell, scheduler.id)});
    shell.persist_all();
    EXPECT_EQ(scheduler.updates().at(0).state(), mesos::v1::TASK_RUNNING);
}

TEST(Unreachable, IsLostForFrameworksThatAreNotPartitionAware) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell, plain_info(/*checkpoint=*/true));
    launch(scheduler, agent, "t1");
    scheduler.take();
    let_time_out(shell);
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_LOST);
    EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_AGENT_REMOVED);
    EXPECT_TRUE(updates[0].has_unreachable_time());
}

TEST(Unreachable, ADisconnectedAgentTimesOutToo) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    shell.close_link(agent.link);
    shell.pass(74s);
    EXPECT_TRUE(shell.state().agents.contains(agent.id));
    shell.pass(2s);
    EXPECT_TRUE(shell.state().unreachable_agents.contains(agent.id));
}

TEST(Unreachable, OrWhenItDoesNotRegisterInTime) {
    FakeShell shell({.config = {.agent_ping_timeout = 1h, .agent_reregister_timeout = 10min}});
    FakeAgent agent = register_agent(shell);
    shell.close_link(agent.link);
    shell.pass(9min);
    EXPECT_TRUE(shell.state().agents.contains(agent.id));
    shell.pass(1min);
    EXPECT_TRUE(shell.state().unreachable_agents.contains(agent.id));
}

TEST(Unreachable, TheAgentComesBackWithItsTasks) {
    for (const bool partition_aware : {true, false}) {
        SCOPED_TRACE(partition_aware);
        FakeShell shell;
        FakeAgent agent = register_agent(shell);
        FakeScheduler scheduler =
            subscribe(shell, partition_aware ? modern_info() : plain_info(true));
        launch(scheduler, agent, "t1");
        agent.update(scheduler.id, "t1", mesos::v1::TASK_RUNNING);
        shell.close_link(agent.link);
        let_time_out(shell);
        scheduler.take();
        shell.hold_writes();
        agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                         {info_of(shell, scheduler.id)});
        EXPECT_TRUE(agent.take().empty()) << "stored first";
        shell.persist_all();
        EXPECT_EQ(agent.take(link::ToAgent::kAgentReregistered).size(), 1u);
        const auto updates = scheduler.updates();
        ASSERT_EQ(updates.size(), 1u);
        EXPECT_EQ(updates[0].state(), mesos::v1::TASK_RUNNING);
        EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_AGENT_REREGISTERED);
        EXPECT_EQ(updates[0].message(), "Unreachable agent re-reregistered");
        EXPECT_TRUE(updates[0].has_container_status());
        EXPECT_FALSE(updates[0].has_uuid());
        EXPECT_TRUE(shell.state().unreachable_agents.empty());
        EXPECT_EQ(shell.state().unreachable_task_count, 0u);
        EXPECT_TRUE(shell.state().frameworks.at(scheduler.id).unreachable_tasks.empty());
    }
}

TEST(Unreachable, AReturnDuringTheMarkingIsOrderedAfterIt) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    scheduler.take();
    shell.hold_writes();
    let_time_out(shell);
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)},
                     {info_of(shell, scheduler.id)});
    shell.persist_all();
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 2u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_UNREACHABLE);
    EXPECT_EQ(updates[1].state(), mesos::v1::TASK_RUNNING);
    EXPECT_TRUE(shell.state().agents.at(agent.id).connected());
    shell.crash_and_restart();
    EXPECT_TRUE(shell.state().recovered_agents.contains(agent.id)) << "admitted in the registry";
}

TEST(Unreachable, TheRingIsBounded) {
    FakeShell shell({.config = {.max_unreachable_tasks_per_framework = 2}});
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    for (const char* task : {"t1", "t2", "t3"}) launch(scheduler, agent, task);
    let_time_out(shell);
    const Framework& framework = shell.state().frameworks.at(scheduler.id);
    EXPECT_EQ(framework.unreachable_tasks.size(), 2u);
    EXPECT_FALSE(framework.unreachable_tasks.contains(TaskId{"t1"}));
    EXPECT_EQ(framework.unreachable_order.size(), 2u);
}

}  // namespace
}  // namespace tepui::master::testing
