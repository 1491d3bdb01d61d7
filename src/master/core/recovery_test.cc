#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"
#include "master/core/registry_codec.h"

// What a new master makes of the registry, and of those who come back.
namespace tepui::master::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

mesos::v1::FrameworkInfo with_id(mesos::v1::FrameworkInfo info, const FrameworkId& id) {
    info.mutable_id()->set_value(id.value);
    return info;
}

TEST(Recovery, NothingIsVisibleBeforeTheEpochIsDurable) {
    FakeShell shell({.persist_at_once = false, .led = false});
    EXPECT_FALSE(shell.core().recovered());
    const StreamId stream = shell.subscribe(modern_info());
    EXPECT_TRUE(shell.closed(stream));
    link::ToMaster frame;
    frame.set_agent_id("");
    *frame.mutable_register_agent()->mutable_agent() = agent_info();
    frame.mutable_register_agent()->set_version("1.12.0");
    const LinkId link = shell.open_link();
    shell.frame(link, frame);
    EXPECT_EQ(shell.core().next_deadline(), Instant::max());
    EXPECT_EQ(shell.held_writes(), 1u) << "the epoch and nothing else";
    shell.persist_all();
    EXPECT_TRUE(shell.core().recovered());
    EXPECT_TRUE(shell.take_frames(link).empty());
    EXPECT_EQ(shell.registry().at("epoch"), "1");
}

TEST(Recovery, EachMasterRaisesTheEpoch) {
    FakeShell shell;
    shell.crash_and_restart();
    shell.crash_and_restart();
    EXPECT_EQ(shell.registry().at("epoch"), "3");
    FakeAgent agent{shell, shell.open_link(), {}, agent_info()};
    link::ToMaster frame;
    frame.set_agent_id("");
    *frame.mutable_register_agent()->mutable_agent() = agent.info;
    frame.mutable_register_agent()->set_version("1.12.0");
    shell.frame(agent.link, frame);
    const auto answers = agent.take(link::ToAgent::kAgentRegistered);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].agent_registered().epoch(), 3u);
    EXPECT_EQ(answers[0].agent_registered().ping_timeout_seconds(), 75);
    EXPECT_EQ(answers[0].agent_registered().master_id(), "m3");
}

TEST(Recovery, CorruptKeysAreNamed) {
    const std::pair<const char*, const char*> rows[] = {
        {"epoch", "12x"}, {"agents/a", "\xff\xff"}, {"frameworks/f", "garbage"}, {"agents/b", ""}};
    for (const auto& [key, value] : rows) {
        const auto core = Core::create({}, {}, {{key, value}}, 1, {});
        ASSERT_FALSE(core.has_value()) << key;
        EXPECT_EQ(core.error().code, Errc::corrupt);
        EXPECT_THAT(core.error().text, HasSubstr(key));
    }
    mesos::v1::MasterInfo info;
    EXPECT_TRUE(Core::create({}, info, {{"weights", "of another owner"}}, 1, {}).has_value());
}

TEST(Recovery, CrashBeforeTheWriteLeavesNoFramework) {
    FakeShell shell;
    shell.hold_writes();
    shell.subscribe(modern_info());
    shell.crash_and_restart();
    EXPECT_TRUE(shell.state().frameworks.empty());
}

TEST(Recovery, CrashBetweenWriteAndAnswerLeavesARecoveredFramework) {
    FakeShell shell;
    shell.hold_writes();
    shell.subscribe(modern_info());
    shell.persist_one();  // The answer is lost with the process.
    shell.crash_and_restart();
    ASSERT_EQ(shell.state().frameworks.size(), 1u);
    EXPECT_EQ(shell.state().frameworks.begin()->second.phase, Framework::Phase::recovered);
}

TEST(Recovery, AConnectedFrameworkHasItsFullTimeout) {
    FakeShell shell;
    const FrameworkId id = subscribe(shell).id;
    shell.pass(30min);
    shell.crash_and_restart();
    shell.pass(59min);
    EXPECT_TRUE(shell.state().frameworks.contains(id));
    shell.pass(2min);
    EXPECT_FALSE(shell.state().frameworks.contains(id));
    EXPECT_TRUE(shell.state().ended_frameworks.contains(id));
}

TEST(Recovery, ADisconnectedFrameworkHasTheRest) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    shell.disconnect(scheduler.stream);
    shell.pass(30min);
    shell.crash_and_restart();
    shell.pass(20min);
    shell.crash_and_restart();
    shell.pass(9min);
    EXPECT_TRUE(shell.state().frameworks.contains(scheduler.id));
    shell.pass(2min);
    EXPECT_FALSE(shell.state().frameworks.contains(scheduler.id));
}

TEST(Recovery, AWallClockThatJumpedGivesNoMoreThanTheFullTimeout) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    shell.disconnect(scheduler.stream);
    shell.jump_wall(-100h);
    shell.crash_and_restart();
    shell.pass(59min);
    EXPECT_TRUE(shell.state().frameworks.contains(scheduler.id));
    shell.pass(2min);
    EXPECT_FALSE(shell.state().frameworks.contains(scheduler.id));
}

TEST(Recovery, WithoutFailoverTimeoutARestartOfTheMasterIsSurvived) {
    FakeShell shell;
    mesos::v1::FrameworkInfo info = modern_info();
    info.clear_failover_timeout();
    const FrameworkId id = subscribe(shell, info).id;
    shell.crash_and_restart();
    shell.pass(9min);
    FakeScheduler back = subscribe(shell, with_id(info, id));
    EXPECT_EQ(back.id, id);
    shell.pass(1h);
    EXPECT_TRUE(shell.state().frameworks.at(id).connected());
}

TEST(Recovery, TasksComeBackWithTheirAgent) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    const auto info = *shell.state().frameworks.at(scheduler.id).info;
    shell.crash_and_restart();

    EXPECT_TRUE(shell.state().recovered_agents.contains(agent.id));
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)}, {info});
    EXPECT_TRUE(shell.state().recovered_agents.empty());
    const Framework& framework = shell.state().frameworks.at(scheduler.id);
    EXPECT_EQ(framework.phase, Framework::Phase::recovered);
    EXPECT_EQ(framework.tasks.at(TaskId{"t1"}).info->state(), mesos::v1::TASK_RUNNING);
    EXPECT_EQ(framework.tasks.at(TaskId{"t1"}).info->agent_id().value(), agent.id.value);

    FakeScheduler back = subscribe(shell, with_id(modern_info(), scheduler.id));
    EXPECT_EQ(Resources::parse(back.offer().resources())->scalar("cpus"), Quantity{7000})
        << "what the task uses is not offered";
}

TEST(Recovery, AFrameworkThatOnlyAgentsKnowIsAdoptedAndStored) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    const FrameworkId id{"old-master-0007"};
    agent.reregister({reported_task(id, "t1", mesos::v1::TASK_RUNNING)},
                     {with_id(modern_info(), id)});
    EXPECT_EQ(shell.state().frameworks.at(id).phase, Framework::Phase::recovered);
    EXPECT_TRUE(shell.registry().contains("frameworks/old-master-0007"));
    shell.crash_and_restart();
    EXPECT_TRUE(shell.state().frameworks.contains(id));
}

TEST(Recovery, ASubscriptionThatIsBeingStoredIsNotOverwrittenByAdoption) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    const FrameworkId id{"old-master-0007"};
    shell.hold_writes();
    const StreamId stream = shell.subscribe(with_id(modern_info(), id));
    agent.reregister({reported_task(id, "t1", mesos::v1::TASK_RUNNING)},
                     {with_id(modern_info(), id)});
    shell.persist_all();
    EXPECT_EQ(shell.state().frameworks.at(id).stream, stream);
    EXPECT_EQ(shell.state().frameworks.at(id).tasks.size(), 1u);
    const auto registry = decode_registry(shell.registry());
    EXPECT_EQ(registry->frameworks.at(id).phase(), registry::FrameworkRecord::CONNECTED);
}

TEST(Recovery, TasksOfEndedFrameworksAreShutDown) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    const auto info = *shell.state().frameworks.at(scheduler.id).info;
    shell.close_link(agent.link);
    shell.disconnect(scheduler.stream);
    shell.pass(61min);  // The agent is unreachable by now, the framework at its end.
    shell.crash_and_restart();
    agent.reregister({reported_task(scheduler.id, "t1", mesos::v1::TASK_RUNNING)}, {info});
    const auto answers = agent.take(link::ToAgent::kAgentReregistered);
    ASSERT_EQ(answers.size(), 1u);
    ASSERT_EQ(answers[0].agent_reregistered().completed_frameworks_size(), 1);
    EXPECT_EQ(answers[0].agent_reregistered().completed_frameworks(0).value(), scheduler.id.value);
    EXPECT_TRUE(shell.state().frameworks.empty());
    EXPECT_TRUE(shell.state().agents.at(agent.id).used.empty());
    // What it still reports of them is acknowledged, so that it stops.
    agent.update(scheduler.id, "t1", mesos::v1::TASK_KILLED);
    EXPECT_EQ(agent.take(link::ToAgent::kAcknowledgeUpdate).size(), 1u);
}

TEST(Recovery, AgentsThatDoNotReturnBecomeUnreachable) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    shell.crash_and_restart();
    FakeScheduler scheduler = subscribe(shell);
    shell.pass(10min - 1s);
    EXPECT_TRUE(shell.state().recovered_agents.contains(agent.id));
    scheduler.take();
    shell.hold_writes();
    shell.pass(1s);
    EXPECT_TRUE(scheduler.take(SchedulerEvent::FAILURE).empty()) << "stored before told";
    shell.persist_all();
    const auto failures = scheduler.take(SchedulerEvent::FAILURE);
    ASSERT_EQ(failures.size(), 1u);
    EXPECT_EQ(failures[0].failure().agent_id().value(), agent.id.value);
    EXPECT_TRUE(shell.state().unreachable_agents.contains(agent.id));
    EXPECT_EQ(shell.state().counters.at("recovery_slave_removals"), 1u);
    shell.crash_and_restart();
    EXPECT_TRUE(shell.state().unreachable_agents.contains(agent.id));
}

TEST(Recovery, AgentsAreReadmittedWithoutAWriteWhenNothingChanged) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    shell.crash_and_restart();
    shell.hold_writes();
    agent.reregister({}, {});
    EXPECT_EQ(shell.held_writes(), 0u);
    EXPECT_EQ(agent.take(link::ToAgent::kAgentReregistered).size(), 1u);
}

TEST(RegistryCodec, KeysArePlainAscii) {
    EXPECT_EQ(framework_key(FrameworkId{"a-1_B.c"}), "frameworks/a-1_B.c");
    EXPECT_EQ(framework_key(FrameworkId{"ä b%"}), "frameworks/%C3%A4%20b%25");
    EXPECT_EQ(agent_key(AgentId{"m1-S0"}), "agents/m1-S0");
}

TEST(RegistryCodec, RoundTrips) {
    const WallTime at{1234567890123456789ns};
    const FrameworkId id{"f"};
    const std::map<std::string, std::string> stored = {
        {"epoch", "41"},
        {agent_key(AgentId{"a"}), encode_agent(
                                      [] {
                                          auto i = agent_info();
                                          i.mutable_id()->set_value("a");
                                          return i;
                                      }(),
                                      "1.12.0", at, at)},
        {framework_key(id), encode_disconnected(with_id(modern_info(), id), at, at)},
        {framework_key(FrameworkId{"e"}), encode_ended(FrameworkId{"e"}, at)},
    };
    const auto registry = decode_registry(stored);
    ASSERT_TRUE(registry.has_value());
    EXPECT_EQ(registry->epoch, 41u);
    EXPECT_EQ(registry->agents.at(AgentId{"a"}).unreachable_since_nanoseconds(),
              at.since_epoch.count());
    EXPECT_EQ(registry->frameworks.at(id).teardown_at_nanoseconds(), at.since_epoch.count());
    EXPECT_EQ(registry->frameworks.at(FrameworkId{"e"}).phase(), registry::FrameworkRecord::ENDED);
}

}  // namespace
}  // namespace tepui::master::testing
