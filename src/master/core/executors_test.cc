#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "master/core/executors.h"
#include "master/core/executors_testing.h"
#include "master/core/ledger.h"

// Custom and default executors: launched, charged once, known again, ended.
namespace tepui::master::testing {
namespace {

using mesos::v1::ExecutorInfo;
using mesos::v1::TaskInfo;
using mesos::v1::TaskStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Operation = mesos::v1::Offer::Operation;
using Cluster = ExecutorsCluster;

TEST(CustomExecutor, IsSentCompleteAndChargedWithItsFirstTask) {
    Cluster cluster;
    const link::RunTask first = cluster.launch("t1", custom_executor("e"));
    EXPECT_TRUE(first.launch_executor());
    const ExecutorInfo& sent = first.task().executor();
    EXPECT_EQ(sent.framework_id().value(), cluster.scheduler.id.value);
    EXPECT_EQ(sent.type(), ExecutorInfo::CUSTOM);
    for (const auto& resource : sent.resources()) {
        EXPECT_EQ(resource.allocation_info().role(), "*");
    }
    EXPECT_FALSE(first.task().has_command());
    EXPECT_EQ(cluster.used_cpus(), 1.5);

    const link::RunTask second = cluster.launch("t2", custom_executor("e"));
    EXPECT_FALSE(second.launch_executor());
    EXPECT_EQ(second.task().executor().SerializeAsString(), sent.SerializeAsString());
    EXPECT_EQ(cluster.used_cpus(), 2.5);
    EXPECT_THAT(cluster.executors(), ElementsAre("e"));
    for (const char* id : {"t1", "t2"}) {
        EXPECT_EQ(cluster.framework().tasks.at(TaskId{id}).info->executor_id().value(), "e");
    }
}

TEST(CustomExecutor, TwoTasksOfOneOperationShareIt) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.scheduler.accept({offer},
                             {executor_task(offer, "t1", custom_executor("e")),
                              executor_task(offer, "t2", custom_executor("e"))},
                             0);
    const auto frames = cluster.agent.take(link::ToAgent::kRunTask);
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_TRUE(frames[0].run_task().launch_executor());
    EXPECT_FALSE(frames[1].run_task().launch_executor());
    EXPECT_EQ(cluster.used_cpus(), 2.5);
}

TEST(CustomExecutor, CommandTasksHaveNone) {
    Cluster cluster;
    launch(cluster.scheduler, cluster.agent, "t1");
    EXPECT_FALSE(cluster.framework().tasks.at(TaskId{"t1"}).info->has_executor_id());
    EXPECT_TRUE(cluster.executors().empty());
}

TEST(CustomExecutor, IsShownInTheFrameworksOffersOnly) {
    Cluster cluster;
    cluster.launch("t1", custom_executor("b-executor"));
    cluster.launch("t2", custom_executor("a-executor"));
    const auto offer = cluster.scheduler.offer();
    ASSERT_EQ(offer.executor_ids_size(), 2);
    EXPECT_EQ(offer.executor_ids(0).value(), "a-executor");
    EXPECT_EQ(offer.executor_ids(1).value(), "b-executor");
    cluster.scheduler.decline(offer, 3600);
    FakeScheduler other = subscribe(cluster.shell);
    EXPECT_EQ(other.offer().executor_ids_size(), 0);
}

TEST(CustomExecutor, ThatIsKnownMustBeTheSame) {
    Cluster cluster;
    cluster.launch("t1", custom_executor("e", "mem:32;cpus:0.5"));
    const auto offer = cluster.scheduler.offer();
    ExecutorInfo other = custom_executor("e");
    other.mutable_command()->set_value("./another");
    cluster.scheduler.accept({offer}, {executor_task(offer, "t2", other)}, 0);
    const auto events = cluster.scheduler.take();
    std::vector<TaskStatus> updates;
    for (const auto& event : events) {
        if (event.has_update()) updates.push_back(event.update().status());
    }
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_ERROR);
    EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_TASK_INVALID);
    EXPECT_THAT(updates[0].message(), HasSubstr("Executor 'e' runs on agent"));
    EXPECT_EQ(cluster.used_cpus(), 1.5);
}

TEST(CustomExecutor, ThatIsInvalidRefusesItsTask) {
    struct Row {
        const char* name;
        void (*spoil)(TaskInfo&);
        const char* message;
    };
    const Row rows[] = {
        {"no id", [](TaskInfo& t) { t.mutable_executor()->mutable_executor_id()->set_value(""); },
         "executor id"},
        {"id with a slash",
         [](TaskInfo& t) { t.mutable_executor()->mutable_executor_id()->set_value("a/b"); },
         "executor id"},
        {"no command", [](TaskInfo& t) { t.mutable_executor()->clear_command(); },
         "neither type DEFAULT nor type CUSTOM"},
        {"custom without command",
         [](TaskInfo& t) {
             t.mutable_executor()->set_type(ExecutorInfo::CUSTOM);
             t.mutable_executor()->clear_command();
         },
         "must have a command"},
        {"default", [](TaskInfo& t) { *t.mutable_executor() = default_executor("e"); },
         "use LAUNCH_GROUP"},
        {"foreign framework",
         [](TaskInfo& t) { t.mutable_executor()->mutable_framework_id()->set_value("f9"); },
         "names framework f9"},
        {"negative grace",
         [](TaskInfo& t) {
             t.mutable_executor()->mutable_shutdown_grace_period()->set_nanoseconds(-1);
         },
         "shutdown_grace_period"},
        {"bad resource",
         [](TaskInfo& t) {
             t.mutable_executor()->mutable_resources(0)->mutable_scalar()->set_value(-1);
         },
         "Executor 'e' uses invalid resources"},
        {"empty command",
         [](TaskInfo& t) { t.mutable_executor()->mutable_command()->clear_value(); },
         "shell command has no value"},
        {"both", [](TaskInfo& t) { t.mutable_command()->set_value("true"); }, "exactly one"},
        {"too large together",
         [](TaskInfo& t) {
             *t.mutable_executor()->mutable_resources() =
                 Resources::parse_flag("cpus:7.5")->to_proto();
         },
         "required by task and its executor is more than available"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Cluster cluster;
        const auto offer = cluster.scheduler.offer();
        TaskInfo task = executor_task(offer, "t1", custom_executor("e"));
        row.spoil(task);
        cluster.scheduler.accept({offer}, {task}, 0);
        const auto updates = cluster.scheduler.updates();
        ASSERT_EQ(updates.size(), 1u);
        EXPECT_EQ(updates[0].state(), mesos::v1::TASK_ERROR);
        EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_TASK_INVALID);
        EXPECT_THAT(updates[0].message(), HasSubstr(row.message));
        EXPECT_TRUE(cluster.executors().empty());
        EXPECT_EQ(cluster.used_cpus(), 0);
    }
}

TEST(CustomExecutor, MayHaveNoResources) {
    Cluster cluster;
    cluster.launch("t1", custom_executor("e", ""));
    EXPECT_EQ(cluster.used_cpus(), 1);
    EXPECT_THAT(cluster.executors(), ElementsAre("e"));
    cluster.exit("e", 0);
    EXPECT_TRUE(cluster.executors().empty());
}

TEST(CustomExecutor, OutlivesItsTasksAndFailsByName) {
    Cluster cluster;
    cluster.launch("t1", custom_executor("e"));
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    EXPECT_EQ(cluster.used_cpus(), 0.5);
    cluster.scheduler.take();
    cluster.exit("e", 1280);
    EXPECT_EQ(cluster.used_cpus(), 0);
    auto events = cluster.scheduler.take(SchedulerEvent::FAILURE);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].failure().agent_id().value(), cluster.agent.id.value);
    EXPECT_EQ(events[0].failure().executor_id().value(), "e");
    EXPECT_EQ(events[0].failure().status(), 1280);
    cluster.exit("e", 1280);
    EXPECT_TRUE(cluster.scheduler.take(SchedulerEvent::FAILURE).empty()) << "told once";
    EXPECT_TRUE(cluster.shell.logged("unknown executor e"));
}

TEST(CustomExecutor, ComesAnewAfterItsEnd) {
    Cluster cluster;
    cluster.launch("t1", custom_executor("e"));
    EXPECT_EQ(cluster.scheduler.offers().size(), 1u);
    cluster.exit("e", 0);
    const auto offer = cluster.scheduler.offer();  // What the executor held.
    TaskInfo task = executor_task(offer, "t2", custom_executor("e", "mem:16"));
    *task.mutable_resources() = Resources::parse_flag("cpus:0.1")->to_proto();
    cluster.scheduler.accept({offer}, {task}, 0);
    const auto frames = cluster.agent.take(link::ToAgent::kRunTask);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_TRUE(frames[0].run_task().launch_executor());
}

TEST(Executors, AreKilledShutDownAndSpokenToThroughTheirAgent) {
    Cluster cluster;
    cluster.launch("t1", custom_executor("e"));
    cluster.scheduler.kill("t1");
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kKillTask).size(), 1u);
    SchedulerCall shutdown = cluster.scheduler.make(SchedulerCall::SHUTDOWN);
    shutdown.mutable_shutdown()->mutable_agent_id()->set_value(cluster.agent.id.value);
    for (const char* id : {"e", "unknown"}) {
        shutdown.mutable_shutdown()->mutable_executor_id()->set_value(id);
        cluster.scheduler.call(shutdown);
    }
    shutdown.mutable_shutdown()->mutable_agent_id()->set_value("nowhere");
    cluster.scheduler.call(shutdown);
    const auto frames = cluster.agent.take(link::ToAgent::kShutdownExecutor);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].shutdown_executor().executor_id().value(), "e");
    EXPECT_EQ(frames[0].shutdown_executor().framework_id().value(), cluster.scheduler.id.value);
}

TEST(Executors, EndWithTheirFramework) {
    Cluster cluster;
    cluster.launch("t1", custom_executor("e"));
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    cluster.scheduler.acknowledge(cluster.scheduler.updates().back());
    ASSERT_TRUE(cluster.framework().tasks.empty());
    cluster.agent.take();
    cluster.shell.teardown(cluster.scheduler.id);
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kShutdownFramework).size(), 1u)
        << "the executor alone makes the agent one to tell";
    EXPECT_TRUE(cluster.executors().empty());
    EXPECT_TRUE(cluster.record().used.empty());
    cluster.exit("e", 9);
    EXPECT_TRUE(cluster.shell.logged("unknown executor e"));
}

TEST(Executors, AloneMakeTheirAgentHearOfAFrameworkUpdate) {
    Cluster cluster;
    cluster.launch("t1", custom_executor("e"));
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    cluster.scheduler.acknowledge(cluster.scheduler.updates().back());
    cluster.agent.take();
    SchedulerCall call = cluster.scheduler.make(SchedulerCall::UPDATE_FRAMEWORK);
    *call.mutable_update_framework()->mutable_framework_info() = *cluster.framework().info;
    call.mutable_update_framework()->mutable_framework_info()->set_name("renamed");
    cluster.scheduler.call(call);
    const auto frames = cluster.agent.take(link::ToAgent::kUpdateFramework);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].update_framework().framework().name(), "renamed");
}

TEST(Executors, ThatDoNotComeBackWithTheirAgentHaveFailed) {
    Cluster cluster;
    const ExecutorInfo stays = cluster.launch("t1", custom_executor("stays")).task().executor();
    cluster.launch("t2", custom_executor("lost"));
    const std::vector<mesos::v1::Task> tasks = {*cluster.framework().tasks.at(TaskId{"t1"}).info};
    cluster.shell.close_link(cluster.agent.link);
    cluster.scheduler.take();
    cluster.reregister({stays}, tasks);
    EXPECT_THAT(cluster.executors(), ElementsAre("stays"));
    EXPECT_EQ(cluster.used_cpus(), 1.5);
    std::vector<std::string> failed;
    for (const auto& event : cluster.scheduler.take(SchedulerEvent::FAILURE)) {
        failed.push_back(event.failure().executor_id().value());
        EXPECT_EQ(event.failure().status(), -1);
    }
    EXPECT_THAT(failed, ElementsAre("lost"));
}

TEST(Executors, OnTheirWayStayWhenTheRegistrationIsRepeated) {
    Cluster cluster;
    cluster.shell.close_link(cluster.agent.link);
    cluster.reregister({}, {});
    cluster.scheduler.take(SchedulerEvent::RESCIND);
    cluster.scheduler.decline({}, 0);
    cluster.scheduler.call(cluster.scheduler.make(SchedulerCall::REVIVE));
    const auto& offers = cluster.shell.state().offers;
    ASSERT_EQ(offers.size(), 1u);
    const mesos::v1::Offer offer = *offers.begin()->second.info;
    cluster.scheduler.accept({offer}, {executor_task(offer, "t1", custom_executor("e"))}, 0);
    cluster.reregister({}, {}, /*same_link=*/true);
    EXPECT_THAT(cluster.executors(), ElementsAre("e"));
    EXPECT_EQ(cluster.used_cpus(), 1.5);
}

TEST(Executors, GoWithALostAgentAndReturnWithIt) {
    Cluster cluster;
    const ExecutorInfo info = cluster.launch("t1", custom_executor("e")).task().executor();
    mesos::v1::Task task = *cluster.framework().tasks.at(TaskId{"t1"}).info;
    task.set_state(mesos::v1::TASK_RUNNING);
    cluster.shell.close_link(cluster.agent.link);
    cluster.shell.pass(11min);
    EXPECT_FALSE(cluster.shell.state().agents.contains(cluster.agent.id));
    cluster.scheduler.take();
    cluster.reregister({info}, {task});
    EXPECT_THAT(cluster.executors(), ElementsAre("e"));
    EXPECT_EQ(cluster.used_cpus(), 1.5);
    const auto updates = cluster.scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].state(), mesos::v1::TASK_RUNNING);
    EXPECT_EQ(updates[0].executor_id().value(), "e");
}

TEST(Executors, ComeBackFromTheAgentsAfterAMasterFailover) {
    Cluster cluster;
    const ExecutorInfo info = cluster.launch("t1", custom_executor("e")).task().executor();
    mesos::v1::Task task = *cluster.framework().tasks.at(TaskId{"t1"}).info;
    task.set_state(mesos::v1::TASK_RUNNING);
    cluster.shell.crash_and_restart();
    cluster.reregister({info}, {task});
    EXPECT_THAT(cluster.executors(), ElementsAre("e"));
    EXPECT_EQ(cluster.used_cpus(), 1.5);
    mesos::v1::FrameworkInfo framework = modern_info();
    framework.mutable_id()->set_value(cluster.scheduler.id.value);
    cluster.scheduler.stream = cluster.shell.subscribe(framework);
    EXPECT_FALSE(cluster.launch("t2", custom_executor("e")).launch_executor())
        << "the client's own words fit what came back";
}

TEST(Executors, OfFrameworksWithoutCheckpointingEndWithTheConnection) {
    Cluster cluster;
    mesos::v1::FrameworkInfo info = modern_info();
    info.set_checkpoint(false);
    cluster.scheduler.decline(cluster.scheduler.offer(), 3600);
    FakeScheduler other = subscribe(cluster.shell, info);
    const auto offer = other.offer();
    other.accept({offer}, {executor_task(offer, "t1", custom_executor("e"))}, 0);
    cluster.shell.close_link(cluster.agent.link);
    EXPECT_TRUE(cluster.executors().empty());
    EXPECT_TRUE(cluster.record().used.empty());
}

// Whatever comes and goes: the agent's books balance (FakeShell recounts after each step), nothing
// is used or offered beyond its total, and what is not held is offered.
struct Chaos {
    Cluster cluster;
    std::set<std::string> executors;
    int next_task = 0;

    mesos::v1::Offer take_offer() {
        const auto& offers = cluster.shell.state().offers;
        return offers.empty() ? mesos::v1::Offer{} : *offers.begin()->second.info;
    }
    void launch(int executor, double cpus, bool group) {
        const auto offer = take_offer();
        if (!offer.has_id()) return;
        const std::string id = fmt::format("e{}", executor);
        ExecutorInfo info = group ? default_executor("p" + id) : custom_executor(id);
        const std::string task = fmt::format("t{}", next_task++);
        const std::string resources = fmt::format("cpus:{};mem:1", cpus);
        Operation operation;
        if (group) {
            operation = group_of(offer, info, {task.c_str()});
            *operation.mutable_launch_group()->mutable_task_group()->mutable_tasks(0) =
                task_info(offer, task, resources);
        } else {
            operation.set_type(Operation::LAUNCH);
            TaskInfo wanted = executor_task(offer, task, info);
            *wanted.mutable_resources() = task_info(offer, task, resources).resources();
            *operation.mutable_launch()->add_task_infos() = wanted;
        }
        cluster.operate(offer, {operation});
    }
    void end_a_task() {
        const auto& tasks = cluster.framework().tasks;
        if (tasks.empty()) return;
        const std::string id = tasks.begin()->first.value;
        cluster.agent.update(cluster.scheduler.id, id, mesos::v1::TASK_FINISHED);
        for (const auto& update : cluster.scheduler.updates()) {
            if (update.has_uuid()) cluster.scheduler.acknowledge(update);
        }
    }
    void come_back(bool without_last) {
        std::vector<ExecutorInfo> infos;
        const auto found = cluster.record().executors.find(cluster.scheduler.id);
        if (found != cluster.record().executors.end()) {
            for (const auto& [id, executor] : found->second) infos.push_back(*executor.info);
        }
        if (without_last && !infos.empty()) infos.pop_back();
        std::vector<mesos::v1::Task> tasks;
        for (const auto& [id, task] : cluster.framework().tasks) tasks.push_back(*task.info);
        cluster.shell.close_link(cluster.agent.link);
        cluster.reregister(infos, tasks);
    }
    void check() {
        const Agent& agent = cluster.record();
        Resources held;
        for (const auto& [framework, resources] : agent.used) held += resources.unallocated();
        for (const auto& [framework, resources] : agent.offered) held += resources.unallocated();
        RC_ASSERT(agent.total.contains(held));
        RC_ASSERT(ledger_balances(cluster.shell.state()));
        // The allocator is in step: what is free is on offer, but for too little to offer.
        const Resources free = agent.total - held;
        RC_ASSERT(free.scalar("cpus") < Quantity::from_double(0.01));
        RC_ASSERT(free.scalar("mem") < Quantity::from_double(32));
    }
};

RC_GTEST_PROP(ExecutorsProperty, TheLedgerNeverOvercommits, ()) {
    Chaos chaos;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000));
    for (const int step : steps) {
        switch (step % 6) {
            case 0: chaos.launch(step % 3, 0.5 + step % 5, false); break;
            case 1: chaos.launch(step % 3, 0.5 + step % 5, true); break;
            case 2: chaos.end_a_task(); break;
            case 3: chaos.cluster.exit(fmt::format("e{}", step % 3), step); break;
            case 4: chaos.cluster.exit(fmt::format("pe{}", step % 3), step); break;
            default: chaos.come_back(step % 2 == 0); break;
        }
        chaos.check();
    }
}

}  // namespace
}  // namespace tepui::master::testing
