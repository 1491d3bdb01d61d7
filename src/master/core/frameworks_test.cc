#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"
#include "master/core/registry_codec.h"

// Subscription, failover, disconnection, teardown.
namespace tepui::master::testing {
namespace {

using ::testing::HasSubstr;
using Capability = mesos::v1::FrameworkInfo::Capability;

std::vector<SchedulerEvent::Type> types(const std::vector<SchedulerEvent>& events) {
    std::vector<SchedulerEvent::Type> types;
    for (const auto& event : events) types.push_back(event.type());
    return types;
}

TEST(Subscribe, IsAnsweredOnlyWhenStored) {
    FakeShell shell({.persist_at_once = false});
    const StreamId stream = shell.subscribe(modern_info());
    EXPECT_TRUE(shell.take_events(stream).empty());
    EXPECT_TRUE(shell.state().frameworks.empty());

    ASSERT_TRUE(shell.persist_one());
    const auto events = shell.take_events(stream);
    EXPECT_EQ(types(events), (std::vector{SchedulerEvent::SUBSCRIBED, SchedulerEvent::HEARTBEAT}));
    const auto& subscribed = events.front().subscribed();
    EXPECT_EQ(subscribed.framework_id().value(), "m1-0000");
    EXPECT_EQ(subscribed.heartbeat_interval_seconds(), 15.0);
    EXPECT_EQ(subscribed.master_info().id(), "m1");
    // mesos-go cannot decode QUOTA_V2; the snapshot's own info keeps it.
    EXPECT_EQ(subscribed.master_info().capabilities_size(), 2);
    EXPECT_EQ(shell.state().info.capabilities_size(), 3);
    EXPECT_TRUE(shell.registry().contains("frameworks/m1-0000"));
}

TEST(Subscribe, HeartbeatsEvery15Seconds) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    EXPECT_EQ(scheduler.take(SchedulerEvent::HEARTBEAT).size(), 1u);
    shell.pass(14s);
    EXPECT_TRUE(scheduler.take().empty());
    shell.pass(1s);
    EXPECT_EQ(types(scheduler.take()), std::vector{SchedulerEvent::HEARTBEAT});
    shell.pass(45s);
    EXPECT_EQ(scheduler.take().size(), 3u);
    shell.disconnect(scheduler.stream);
    shell.pass(60s);
    EXPECT_TRUE(scheduler.take().empty());
}

TEST(Subscribe, EachGetsAnIdOfItsOwn) {
    FakeShell shell;
    EXPECT_EQ(subscribe(shell).id.value, "m1-0000");
    EXPECT_EQ(subscribe(shell).id.value, "m1-0001");
    mesos::v1::FrameworkInfo claims = modern_info();
    claims.mutable_id()->set_value("m1-0002");  // An unknown id is taken as it is.
    EXPECT_EQ(subscribe(shell, claims).id.value, "m1-0002");
    EXPECT_EQ(subscribe(shell).id.value, "m1-0003");
}

TEST(Subscribe, RefusesWithAnErrorEvent) {
    struct Row {
        const char* name;
        std::function<void(mesos::v1::FrameworkInfo&)> spoil;
        std::vector<std::string> suppressed;
        const char* want;
    };
    const Row rows[] = {
        {"roles without MULTI_ROLE",
         [](auto& info) { info.clear_capabilities(); },
         {},
         "MULTI_ROLE"},
        {"role with MULTI_ROLE",
         [](auto& info) {
             auto* field = info.GetDescriptor()->FindFieldByName("role");
             info.GetReflection()->SetString(&info, field, "a");
         },
         {},
         "MULTI_ROLE"},
        {"role twice", [](auto& info) { info.add_roles("*"); }, {}, "names '*' twice"},
        {"bad role", [](auto& info) { info.add_roles("a//b"); }, {}, "Role 'a//b'"},
        {"suppressed role", [](auto&) {}, {"other"}, "Suppressed role 'other'"},
        {"bad id", [](auto& info) { info.mutable_id()->set_value("a/b"); }, {}, "framework id"},
        {"bad timeout",
         [](auto& info) { info.set_failover_timeout(std::numeric_limits<double>::infinity()); },
         {},
         "failover_timeout"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        FakeShell shell;
        mesos::v1::FrameworkInfo info = modern_info();
        row.spoil(info);
        const StreamId stream = shell.subscribe(info, row.suppressed);
        const auto events = shell.take_events(stream);
        ASSERT_EQ(types(events), std::vector{SchedulerEvent::ERROR});
        EXPECT_THAT(events[0].error().message(), HasSubstr(row.want));
        EXPECT_TRUE(shell.closed(stream));
        EXPECT_TRUE(shell.state().frameworks.empty());
    }
}

TEST(Subscribe, RootOnlyWhenAllowed) {
    mesos::v1::FrameworkInfo info = modern_info();
    info.set_user("root");
    FakeShell open;
    EXPECT_EQ(open.take_events(open.subscribe(info)).front().type(), SchedulerEvent::SUBSCRIBED);
    FakeShell strict({.config = {.root_submissions = false}});
    EXPECT_EQ(strict.take_events(strict.subscribe(info)).front().type(), SchedulerEvent::ERROR);
}

TEST(Subscribe, FillsInThePrincipalAndKeepsIt) {
    FakeShell shell;
    const StreamId stream = shell.subscribe(modern_info(), {}, "alice");
    const FrameworkId id = shell.state().streams.at(stream);
    EXPECT_EQ(shell.state().frameworks.at(id).info->principal(), "alice");
    mesos::v1::FrameworkInfo changed = modern_info();
    changed.mutable_id()->set_value(id.value);
    const StreamId second = shell.subscribe(changed, {}, "bob");
    const auto events = shell.take_events(second);
    ASSERT_EQ(types(events), std::vector{SchedulerEvent::ERROR});
    EXPECT_THAT(events[0].error().message(), HasSubstr("principal"));
    EXPECT_FALSE(shell.closed(stream));
}

TEST(Failover, TheNewerStreamWins) {
    FakeShell shell;
    register_agent(shell);
    FakeScheduler old = subscribe(shell);
    EXPECT_EQ(old.offers().size(), 1u);
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(old.id.value);
    info.set_user("other");
    info.set_checkpoint(false);
    info.set_name("renamed");
    FakeScheduler fresh = subscribe(shell, info);
    EXPECT_EQ(fresh.id, old.id);

    const auto told = old.take();
    ASSERT_EQ(types(told), std::vector{SchedulerEvent::ERROR}) << "offers are not rescinded";
    EXPECT_EQ(told[0].error().message(), "Framework failed over");
    EXPECT_TRUE(shell.closed(old.stream));
    EXPECT_EQ(fresh.offers().size(), 1u) << "what the old instance was offered is offered anew";
    const Framework& framework = shell.state().frameworks.at(fresh.id);
    EXPECT_EQ(framework.info->user(), "nobody");
    EXPECT_TRUE(framework.info->checkpoint());
    EXPECT_EQ(framework.info->name(), "renamed");
    EXPECT_TRUE(framework.reregistered_at.has_value());

    // The old connection's end, which the shell reports late, changes nothing.
    shell.disconnect(old.stream);
    EXPECT_TRUE(shell.state().frameworks.at(fresh.id).connected());
}

TEST(Failover, WhileTheFirstIsBeingStored) {
    FakeShell shell;
    FakeScheduler first = subscribe(shell);
    shell.hold_writes();
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(first.id.value);
    const StreamId second = shell.subscribe(info);
    const StreamId third = shell.subscribe(info);
    EXPECT_EQ(types(shell.take_events(second)), std::vector{SchedulerEvent::ERROR});
    shell.persist_all();
    EXPECT_TRUE(shell.take_events(second).empty()) << "its completion is stale";
    EXPECT_EQ(shell.take_events(third).front().type(), SchedulerEvent::SUBSCRIBED);
    EXPECT_EQ(shell.state().frameworks.at(first.id).stream, third);
}

TEST(Failover, AgentsLearnTheNewInfo) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(scheduler.id.value);
    info.set_webui_url("http://new");
    subscribe(shell, info);
    const auto frames = agent.take(link::ToAgent::kUpdateFramework);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].update_framework().framework().webui_url(), "http://new");
}

TEST(Disconnect, OffersEndAndTheTimerRuns) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    EXPECT_EQ(shell.state().offers.size(), 1u);
    shell.disconnect(scheduler.stream);
    EXPECT_TRUE(shell.state().offers.empty());
    EXPECT_EQ(shell.core()
                  .check_call(scheduler.make(SchedulerCall::REVIVE), scheduler.stream)
                  .error()
                  .code,
              Errc::denied);
    agent.pong();
    shell.pass(59min);
    EXPECT_TRUE(shell.state().frameworks.contains(scheduler.id));
}

TEST(Disconnect, ExpiryTearsDown) {
    FakeShell shell({.config = {.agent_ping_timeout = 10h}});
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    shell.disconnect(scheduler.stream);
    shell.pass(1h);
    EXPECT_FALSE(shell.state().frameworks.contains(scheduler.id));
    EXPECT_EQ(agent.take(link::ToAgent::kShutdownFramework).size(), 1u);
    ASSERT_EQ(shell.state().completed_frameworks.size(), 1u);
    const auto& tasks = shell.state().completed_frameworks[0]->completed_tasks;
    ASSERT_EQ(tasks.size(), 1u);
    EXPECT_EQ(tasks[0]->state(), mesos::v1::TASK_KILLED);
    EXPECT_EQ(tasks[0]->statuses(0).reason(), mesos::v1::TaskStatus::REASON_FRAMEWORK_REMOVED);
}

TEST(Disconnect, WithoutFailoverTimeoutItEndsAtOnce) {
    FakeShell shell;
    mesos::v1::FrameworkInfo info = modern_info();
    info.clear_failover_timeout();
    FakeScheduler scheduler = subscribe(shell, info);
    shell.disconnect(scheduler.stream);
    EXPECT_TRUE(shell.state().frameworks.empty());
    EXPECT_EQ(shell.state().completed_frameworks.size(), 1u);
}

TEST(Disconnect, ComingBackStopsTheTimer) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    shell.disconnect(scheduler.stream);
    shell.pass(59min);
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(scheduler.id.value);
    FakeScheduler back = subscribe(shell, info);
    shell.pass(2h);
    EXPECT_TRUE(shell.state().frameworks.at(back.id).connected());
}

TEST(Disconnect, BeforeTheFirstAnswerLeavesNothing) {
    FakeShell shell({.persist_at_once = false});
    const StreamId stream = shell.subscribe(modern_info());
    shell.disconnect(stream);
    shell.persist_all();
    EXPECT_TRUE(shell.state().frameworks.empty());
    EXPECT_FALSE(shell.registry().contains("frameworks/m1-0000"));
}

TEST(Disconnect, WhileTheReturnIsBeingStored) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    shell.disconnect(scheduler.stream);
    shell.pass(30min);
    shell.hold_writes();
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(scheduler.id.value);
    shell.disconnect(shell.subscribe(info));
    shell.persist_all();
    shell.pass(59min);
    EXPECT_EQ(shell.state().frameworks.at(scheduler.id).phase, Framework::Phase::disconnected);
    shell.pass(2min);
    shell.persist_all();
    EXPECT_TRUE(shell.state().frameworks.empty());
}

TEST(Teardown, IsStoredBeforeItIsSeen) {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler = subscribe(shell);
    launch(scheduler, agent, "t1");
    shell.hold_writes();
    scheduler.call(scheduler.make(SchedulerCall::TEARDOWN));
    EXPECT_TRUE(agent.take(link::ToAgent::kShutdownFramework).empty());
    EXPECT_FALSE(shell.closed(scheduler.stream));
    EXPECT_EQ(
        shell.core().check_call(scheduler.make(SchedulerCall::REVIVE), scheduler.stream).error(),
        (Error{Errc::invalid_argument, "Framework cannot be found"}));
    shell.persist_all();
    EXPECT_EQ(agent.take(link::ToAgent::kShutdownFramework).size(), 1u);
    EXPECT_TRUE(shell.closed(scheduler.stream));
    EXPECT_TRUE(shell.state().frameworks.empty());
    EXPECT_TRUE(shell.state().agents.at(agent.id).used.empty());
}

TEST(Teardown, TheIdStaysRefused) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    scheduler.call(scheduler.make(SchedulerCall::TEARDOWN));
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(scheduler.id.value);
    for (int round = 0; round < 2; ++round) {
        const auto events = shell.take_events(shell.subscribe(info));
        ASSERT_EQ(types(events), std::vector{SchedulerEvent::ERROR});
        EXPECT_EQ(events[0].error().message(), "Framework has been removed");
        shell.crash_and_restart();
    }
}

TEST(Teardown, OperatorsAreAnswered) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    shell.hold_writes();
    const RequestToken first = shell.teardown(scheduler.id);
    const RequestToken second = shell.teardown(scheduler.id);
    EXPECT_EQ(shell.answer(first), nullptr);
    shell.persist_all();
    ASSERT_NE(shell.answer(first), nullptr);
    EXPECT_TRUE(shell.answer(first)->has_value());
    ASSERT_NE(shell.answer(second), nullptr);
    const RequestToken unknown = shell.teardown(scheduler.id);
    ASSERT_NE(shell.answer(unknown), nullptr);
    EXPECT_EQ(shell.answer(unknown)->error().text, "No framework found with specified ID");
}

TEST(Teardown, WhileTheReturnIsBeingStored) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    shell.hold_writes();
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(scheduler.id.value);
    const StreamId stream = shell.subscribe(info);
    shell.teardown(scheduler.id);
    EXPECT_EQ(types(shell.take_events(stream)), std::vector{SchedulerEvent::ERROR});
    EXPECT_TRUE(shell.closed(stream));
    shell.persist_all();
    EXPECT_TRUE(shell.state().frameworks.empty());
    EXPECT_TRUE(shell.state().ended_frameworks.contains(scheduler.id));
}

TEST(Completed, AreBounded) {
    FakeShell shell({.config = {.max_completed_frameworks = 3}});
    for (int i = 0; i < 5; ++i) {
        FakeScheduler scheduler = subscribe(shell);
        scheduler.call(scheduler.make(SchedulerCall::TEARDOWN));
    }
    ASSERT_EQ(shell.state().completed_frameworks.size(), 3u);
    EXPECT_EQ(shell.state().completed_frameworks.front()->info->id().value(), "m1-0002");
    EXPECT_EQ(shell.state().ended_frameworks.size(), 5u);
}

TEST(Completed, RememberedIdsAreBoundedInTheRegistryToo) {
    FakeShell shell;
    for (int i = 0; i < 1002; ++i) {
        FakeScheduler scheduler = subscribe(shell);
        scheduler.call(scheduler.make(SchedulerCall::TEARDOWN));
    }
    EXPECT_EQ(shell.state().ended_frameworks.size(), 1000u);
    EXPECT_EQ(shell.registry().size(), 1001u);  // And the epoch.
    EXPECT_FALSE(shell.registry().contains("frameworks/m1-0001"));
}

TEST(UpdateFramework, ChangesRolesAndRescinds) {
    FakeShell shell;
    register_agent(shell);
    FakeScheduler scheduler = subscribe(shell, modern_info("a"));
    ASSERT_EQ(scheduler.offer().allocation_info().role(), "a");
    SchedulerCall call = scheduler.make(SchedulerCall::UPDATE_FRAMEWORK);
    auto& info = *call.mutable_update_framework()->mutable_framework_info();
    info = modern_info("b");
    info.mutable_id()->set_value(scheduler.id.value);
    ASSERT_TRUE(shell.core().check_call(call, scheduler.stream).has_value());
    scheduler.call(call);
    const auto events = scheduler.take();
    EXPECT_EQ(types(events), (std::vector{SchedulerEvent::RESCIND, SchedulerEvent::OFFERS}));
    EXPECT_EQ(events[1].offers().offers(0).allocation_info().role(), "b");
    info.set_user("somebody");
    EXPECT_EQ(shell.core().check_call(call, scheduler.stream).error().code, Errc::invalid_argument);
}

TEST(CheckCall, JudgesAtOnce) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    const StreamId other{"other"};
    SchedulerCall untyped;
    untyped.mutable_framework_id()->set_value(scheduler.id.value);
    SchedulerCall nobody;
    nobody.set_type(SchedulerCall::REVIVE);
    SchedulerCall unknown = nobody;
    unknown.mutable_framework_id()->set_value("x");
    SchedulerCall bad_uuid = scheduler.make(SchedulerCall::ACKNOWLEDGE);
    bad_uuid.mutable_acknowledge()->set_uuid("short");
    const SchedulerCall fine = scheduler.make(SchedulerCall::REVIVE);
    struct Row {
        const char* name;
        SchedulerCall call;
        std::optional<StreamId> stream;
        const char* want;  // nullptr: fine.
    };
    const std::string prefix = "Failed to validate scheduler::Call: ";
    const Row rows[] = {
        {"fine", fine, scheduler.stream, nullptr},
        {"no type", untyped, scheduler.stream, "Expecting 'type' to be present"},
        {"no framework id", nobody, scheduler.stream, "Expecting 'framework_id' to be present"},
        {"unknown framework", unknown, scheduler.stream, "Framework cannot be found"},
        {"no stream id", fine, std::nullopt, "'Mesos-Stream-Id'"},
        {"wrong stream id", fine, other, "'other'"},
        {"no accept", scheduler.make(SchedulerCall::ACCEPT), scheduler.stream, "'accept'"},
        {"no kill", scheduler.make(SchedulerCall::KILL), scheduler.stream, "'kill'"},
        {"short uuid", bad_uuid, scheduler.stream, "UUID"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const auto judged = shell.core().check_call(row.call, row.stream);
        EXPECT_EQ(judged.has_value(), row.want == nullptr);
        if (judged || row.want == nullptr) continue;
        EXPECT_EQ(judged.error().code, Errc::invalid_argument);
        EXPECT_THAT(judged.error().text, HasSubstr(row.want));
    }
    // Sizes of the bodies that Mesos answers with: golden/error-statuses.json.
    EXPECT_EQ(shell.core().check_call(untyped, {}).error().text.size(), 66u);
    EXPECT_EQ(shell.core().check_call(nobody, {}).error().text.size(), 74u);
    EXPECT_EQ(shell.core().check_call(unknown, {}).error().text.size(), 25u);
}

}  // namespace
}  // namespace tepui::master::testing
