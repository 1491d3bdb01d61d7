#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"
#include "master/core/offers.h"
#include "master/core/task_validation.h"

// Offers, ACCEPT, DECLINE, filters, suppression.
namespace tepui::master::testing {
namespace {

using mesos::v1::TaskStatus;
using ::testing::HasSubstr;
using Operation = mesos::v1::Offer::Operation;
using Capability = mesos::v1::FrameworkInfo::Capability;

struct Cluster {
    FakeShell shell;
    FakeAgent agent = register_agent(shell);
    FakeScheduler scheduler;

    explicit Cluster(const mesos::v1::FrameworkInfo& info = modern_info(), CoreConfig config = {})
        : shell({.config = std::move(config)}), scheduler(subscribe(shell, info)) {}
};

TEST(Offers, LookAsRecorded) {
    Cluster cluster;
    const mesos::v1::Offer offer = cluster.scheduler.offer();
    EXPECT_EQ(offer.id().value(), "m1-O0");
    EXPECT_EQ(offer.framework_id().value(), cluster.scheduler.id.value);
    EXPECT_EQ(offer.agent_id().value(), cluster.agent.id.value);
    EXPECT_EQ(offer.hostname(), "node1");
    EXPECT_EQ(offer.url().scheme(), "http");
    EXPECT_EQ(offer.url().address().hostname(), "node1");
    EXPECT_EQ(offer.url().address().ip(), "10.0.0.1");
    EXPECT_EQ(offer.url().address().port(), 5051);
    EXPECT_EQ(offer.url().path(), "/slave(1)");
    EXPECT_EQ(offer.allocation_info().role(), "*");
    EXPECT_EQ(offer.attributes(0).name(), "rack");
    ASSERT_EQ(offer.resources_size(), 2);
    for (const auto& resource : offer.resources()) {
        EXPECT_EQ(resource.allocation_info().role(), "*");
    }
}

TEST(Offers, WithoutMultiRoleThereIsNoAllocationInfo) {
    Cluster cluster(framework_info());
    const mesos::v1::Offer offer = cluster.scheduler.offer();
    EXPECT_FALSE(offer.has_allocation_info());
    for (const auto& resource : offer.resources()) {
        EXPECT_FALSE(resource.has_allocation_info());
        EXPECT_EQ(resource.reservations_size(), 0);
    }
    const auto& kept = *cluster.shell.state().offers.begin()->second.info;
    EXPECT_TRUE(kept.has_allocation_info()) << "snapshots see it all";
}

TEST(Offers, ReservationsComeInTheClientsForm) {
    for (const bool refined : {true, false}) {
        FakeShell shell;
        register_agent(shell, agent_info("node1", "cpus(web):4;mem:64"));
        mesos::v1::FrameworkInfo info = framework_info();
        info.add_roles("web");
        add_capability(info, Capability::MULTI_ROLE);
        if (refined) add_capability(info, Capability::RESERVATION_REFINEMENT);
        FakeScheduler scheduler = subscribe(shell, info);
        int reserved = 0;
        for (const auto& resource : scheduler.offer().resources()) {
            const auto* role = resource.GetDescriptor()->FindFieldByName("role");
            const bool old_form = resource.GetReflection()->HasField(resource, role);
            EXPECT_EQ(old_form, !refined);
            reserved += resource.reservations_size();
        }
        EXPECT_EQ(reserved, refined ? 1 : 0);
    }
}

TEST(Offers, FollowAChangeInTheSameStep) {
    FakeShell shell;
    FakeScheduler scheduler = subscribe(shell);
    EXPECT_TRUE(scheduler.offers().empty());
    register_agent(shell);
    EXPECT_EQ(scheduler.offers().size(), 1u);
}

TEST(Offers, TimeOut) {
    Cluster cluster(modern_info(), {.offer_timeout = 30s});
    const auto offer = cluster.scheduler.offer();
    cluster.shell.pass(29s);
    EXPECT_TRUE(cluster.scheduler.take(SchedulerEvent::RESCIND).empty());
    cluster.agent.pong();
    cluster.shell.pass(1s);
    const auto events = cluster.scheduler.take();
    ASSERT_GE(events.size(), 2u);
    bool rescinded = false;
    for (const auto& event : events) {
        rescinded = rescinded || (event.has_rescind() &&
                                  event.rescind().offer_id().value() == offer.id().value());
    }
    EXPECT_TRUE(rescinded);
    EXPECT_EQ(cluster.shell.state().offers.size(), 1u) << "offered again, under another id";
}

TEST(Decline, FiltersForAsLongAsAsked) {
    struct Row {
        std::optional<double> seconds;
        Duration want;
    };
    const Row rows[] = {
        {std::nullopt, 5s}, {-3.0, 5s}, {std::nan(""), 5s}, {60.0, 60s}, {0.001, 1s}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.seconds.value_or(-1000));
        Cluster cluster;
        cluster.scheduler.decline(cluster.scheduler.offer(), row.seconds);
        cluster.shell.pass(row.want - 1ms);
        EXPECT_TRUE(cluster.scheduler.offers().empty());
        cluster.shell.pass(2ms);
        EXPECT_EQ(cluster.scheduler.offers().size(), 1u);
    }
}

TEST(Decline, ZeroIsNoFilterAndAYearTheMost) {
    Cluster cluster;
    cluster.scheduler.decline(cluster.scheduler.offer(), 0);
    EXPECT_EQ(cluster.scheduler.offers().size(), 1u);
    mesos::v1::Filters filters;
    filters.set_refuse_seconds(1e300);
    EXPECT_EQ(refusal(&filters), std::chrono::days{365});
}

TEST(Decline, OfUnknownOffersIsIgnored) {
    Cluster cluster;
    mesos::v1::Offer unknown;
    unknown.mutable_id()->set_value("m0-O7");
    cluster.scheduler.decline(unknown, 5);
    EXPECT_EQ(cluster.scheduler.offers().size(), 1u);
}

TEST(Revive, EndsFilters) {
    Cluster cluster;
    cluster.scheduler.decline(cluster.scheduler.offer(), 3600);
    cluster.scheduler.call(cluster.scheduler.make(SchedulerCall::REVIVE));
    EXPECT_EQ(cluster.scheduler.offers().size(), 1u);
}

TEST(Suppress, LastsUntilRevive) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.scheduler.call(cluster.scheduler.make(SchedulerCall::SUPPRESS));
    EXPECT_EQ(cluster.shell.state().offers.size(), 1u) << "outstanding offers stay";
    cluster.scheduler.decline(offer, 0);
    EXPECT_TRUE(cluster.scheduler.offers().empty());
    SchedulerCall foreign = cluster.scheduler.make(SchedulerCall::REVIVE);
    foreign.mutable_revive()->add_roles("other");
    cluster.scheduler.call(foreign);
    EXPECT_TRUE(cluster.scheduler.offers().empty()) << "a role that is not its own: dropped";
    EXPECT_FALSE(
        cluster.shell.state().frameworks.at(cluster.scheduler.id).suppressed_roles.empty());
    cluster.scheduler.call(cluster.scheduler.make(SchedulerCall::REVIVE));
    EXPECT_EQ(cluster.scheduler.offers().size(), 1u);
}

TEST(Suppress, OfTheNewestSubscriptionCounts) {
    FakeShell shell;
    register_agent(shell);
    const StreamId stream = shell.subscribe(modern_info(), {"*"});
    FakeScheduler scheduler{shell, stream, shell.state().streams.at(stream)};
    EXPECT_TRUE(scheduler.offers().empty());
    mesos::v1::FrameworkInfo info = modern_info();
    info.mutable_id()->set_value(scheduler.id.value);
    EXPECT_EQ(subscribe(shell, info).offers().size(), 1u);
}

TEST(Accept, LaunchesATask) {
    Cluster cluster;
    const mesos::v1::Offer offer = cluster.scheduler.offer();
    mesos::v1::TaskInfo task = task_info(offer, "t1");
    task.mutable_labels()->add_labels()->set_key("k");
    cluster.scheduler.accept({offer}, {task});
    const auto frames = cluster.agent.take(link::ToAgent::kRunTask);
    ASSERT_EQ(frames.size(), 1u);
    const auto& run = frames[0].run_task();
    EXPECT_EQ(run.framework().id().value(), cluster.scheduler.id.value);
    EXPECT_EQ(run.task().task_id().value(), "t1");
    EXPECT_EQ(run.task().labels().labels_size(), 1);
    for (const auto& resource : run.task().resources()) {
        EXPECT_EQ(resource.allocation_info().role(), "*") << "filled in from the offer";
    }
    EXPECT_TRUE(cluster.scheduler.take().empty()) << "no update for TASK_STAGING";
    const Task& known =
        cluster.shell.state().frameworks.at(cluster.scheduler.id).tasks.at(TaskId{"t1"});
    EXPECT_EQ(known.info->state(), mesos::v1::TASK_STAGING);
    EXPECT_EQ(known.info->user(), "nobody");
    EXPECT_EQ(known.info->labels().labels_size(), 1);
    EXPECT_EQ(cluster.shell.state().tasks_by_state[mesos::v1::TASK_STAGING], 1u);
    // The rest is refused for 5 s, then offered.
    cluster.shell.pass(6s);
    const auto rest = cluster.scheduler.offer();
    EXPECT_EQ(Resources::parse(rest.resources())->scalar("cpus"), Quantity{7000});
}

TEST(Accept, SeveralOffersOfOneAgentMakeOnePool) {
    Cluster cluster;
    const mesos::v1::Offer first = cluster.scheduler.offer();
    cluster.scheduler.accept({first}, {task_info(first, "t1", "cpus:4")}, 0);
    const mesos::v1::Offer second = cluster.scheduler.offer();
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    const mesos::v1::Offer third = cluster.scheduler.offer();
    cluster.scheduler.accept({second, third}, {task_info(second, "t2", "cpus:8")});
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kRunTask).size(), 2u);
    EXPECT_TRUE(cluster.scheduler.updates().empty());
}

TEST(Accept, WithoutTasksIsADecline) {
    Cluster cluster;
    cluster.scheduler.accept({cluster.scheduler.offer()}, {}, 60);
    cluster.shell.pass(50s);
    EXPECT_TRUE(cluster.scheduler.offers().empty());
    EXPECT_TRUE(cluster.shell.state().agents.at(cluster.agent.id).offered.empty());
}

TEST(Accept, RefusesTasksWithTaskError) {
    struct Row {
        const char* name;
        std::function<void(mesos::v1::TaskInfo&)> spoil;
        const char* want;
    };
    const Row rows[] = {
        {"id", [](auto& t) { t.mutable_task_id()->set_value("a/b"); }, "task id"},
        {"other agent", [](auto& t) { t.mutable_agent_id()->set_value("x"); },
         "Task uses invalid agent x"},
        {"no command", [](auto& t) { t.clear_command(); }, "exactly one of"},
        {"both", [](auto& t) { t.mutable_executor()->mutable_executor_id()->set_value("e"); },
         "exactly one of"},
        {"custom executor",
         [](auto& t) {
             t.clear_command();
             t.mutable_executor()->mutable_executor_id()->set_value("e1");
         },
         "Executor 'e1' has neither type DEFAULT nor type CUSTOM"},
        {"no resources", [](auto& t) { t.clear_resources(); }, "uses no resources"},
        {"bad resources", [](auto& t) { t.mutable_resources(0)->mutable_scalar()->set_value(-1); },
         "invalid resources"},
        {"other role",
         [](auto& t) {
             for (auto& r : *t.mutable_resources()) r.mutable_allocation_info()->set_role("x");
         },
         "more than available"},
        {"two roles",
         [](auto& t) { t.mutable_resources(0)->mutable_allocation_info()->set_role("x"); },
         "different allocation roles"},
        {"grace",
         [](auto& t) { t.mutable_kill_policy()->mutable_grace_period()->set_nanoseconds(-1); },
         "kill_policy.grace_period"},
        {"completion time", [](auto& t) { t.mutable_max_completion_time()->set_nanoseconds(-1); },
         "max_completion_time"},
        {"health check",
         [](auto& t) { t.mutable_health_check()->set_type(mesos::v1::HealthCheck::HTTP); },
         "'http'"},
        {"health check without type", [](auto& t) { t.mutable_health_check(); }, "'type'"},
        {"check", [](auto& t) { t.mutable_check()->set_type(mesos::v1::CheckInfo::TCP); }, "'tcp'"},
        {"check delay",
         [](auto& t) {
             t.mutable_check()->set_type(mesos::v1::CheckInfo::TCP);
             t.mutable_check()->mutable_tcp()->set_port(1);
             t.mutable_check()->set_delay_seconds(-1);
         },
         "delay_seconds"},
        {"docker",
         [](auto& t) { t.mutable_container()->set_type(mesos::v1::ContainerInfo::DOCKER); },
         "'docker'"},
        {"environment",
         [](auto& t) {
             t.mutable_command()->mutable_environment()->add_variables()->set_name("X");
         },
         "'X'"},
        {"empty command", [](auto& t) { t.mutable_command()->clear_value(); }, "no value"},
        {"limit of disk", [](auto& t) { (*t.mutable_limits())["disk"].set_value(1); },
         "limit of 'disk'"},
        {"limit below", [](auto& t) { (*t.mutable_limits())["cpus"].set_value(0.5); },
         "below the request (1)"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Cluster cluster;
        const mesos::v1::Offer offer = cluster.scheduler.offer();
        mesos::v1::TaskInfo task = task_info(offer, "t1");
        row.spoil(task);
        cluster.scheduler.accept({offer}, {task, task_info(offer, "good")});
        const auto updates = cluster.scheduler.updates();
        ASSERT_EQ(updates.size(), 1u);
        EXPECT_EQ(updates[0].state(), mesos::v1::TASK_ERROR);
        EXPECT_EQ(updates[0].source(), TaskStatus::SOURCE_MASTER);
        EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_TASK_INVALID);
        EXPECT_THAT(updates[0].message(), HasSubstr(row.want));
        EXPECT_FALSE(updates[0].has_uuid());
        EXPECT_EQ(cluster.agent.take(link::ToAgent::kRunTask).size(), 1u) << "the other goes on";
    }
}

TEST(Accept, TellsWhatIsMoreThanOffered) {
    FakeShell shell;
    register_agent(shell, agent_info("node1", "cpus:8;mem:16384;disk:20000;ports:[31000-32000]"));
    FakeScheduler scheduler = subscribe(shell);
    const mesos::v1::Offer offer = scheduler.offer();
    scheduler.accept({offer}, {task_info(offer, "t", "cpus:10000;mem:32")});
    const auto updates = scheduler.updates();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_THAT(updates[0].message(),
                HasSubstr("Total resources cpus(allocated: *):10000; mem(allocated: *):32 "
                          "required by task and its executor is more than available "));
    EXPECT_THAT(updates[0].message(), HasSubstr("ports(allocated: *):[31000-32000]"));
    EXPECT_TRUE(updates[0].has_agent_id());
    EXPECT_TRUE(updates[0].has_timestamp());
}

TEST(Accept, LimitsMayBeInfinite) {
    Cluster cluster;
    const mesos::v1::Offer offer = cluster.scheduler.offer();
    mesos::v1::TaskInfo task = task_info(offer, "t1");
    (*task.mutable_limits())["mem"].set_value(std::numeric_limits<double>::infinity());
    cluster.scheduler.accept({offer}, {task});
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kRunTask).size(), 1u);
}

TEST(Accept, TaskIdsAreUniqueWhileTheTaskIsKnown) {
    Cluster cluster;
    launch(cluster.scheduler, cluster.agent, "t1");
    const auto expect_refused = [&] {
        ASSERT_EQ(cluster.shell.state().offers.size(), 1u);
        const mesos::v1::Offer offer = *cluster.shell.state().offers.begin()->second.info;
        cluster.scheduler.take();
        cluster.scheduler.accept({offer}, {task_info(offer, "t1")}, 0);
        const auto updates = cluster.scheduler.updates();
        ASSERT_EQ(updates.size(), 1u);
        EXPECT_EQ(updates[0].state(), mesos::v1::TASK_ERROR);
        EXPECT_EQ(updates[0].message(), "Task has duplicate ID: t1");
    };
    expect_refused();
    cluster.shell.close_link(cluster.agent.link);
    cluster.shell.pass(80s);  // Unreachable tasks block their ids too.
    FakeAgent other = register_agent(cluster.shell, agent_info("node2"));
    expect_refused();
}

TEST(Accept, IdsOfAcknowledgedTasksAreFree) {
    Cluster cluster;
    launch(cluster.scheduler, cluster.agent, "t1");
    cluster.agent.update(cluster.scheduler.id, "t1", mesos::v1::TASK_FINISHED);
    cluster.scheduler.acknowledge(cluster.shell.state()
                                      .frameworks.at(cluster.scheduler.id)
                                      .tasks.at(TaskId{"t1"})
                                      .info->statuses(0));
    EXPECT_TRUE(cluster.shell.state().frameworks.at(cluster.scheduler.id).tasks.empty());
    mesos::v1::Offer offer;
    for (const auto& event : cluster.scheduler.take()) {
        if (event.has_offers()) offer = event.offers().offers(0);
    }
    cluster.scheduler.accept({offer}, {task_info(offer, "t1")});
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kRunTask).size(), 1u);
}

TEST(Accept, OffersMustBeValid) {
    struct Row {
        const char* name;
        bool partition_aware;
        mesos::v1::TaskState want;
    };
    for (const Row& row : {Row{"partition-aware", true, mesos::v1::TASK_DROPPED},
                           Row{"plain", false, mesos::v1::TASK_LOST}}) {
        SCOPED_TRACE(row.name);
        Cluster cluster(row.partition_aware ? modern_info() : framework_info());
        const mesos::v1::Offer offer = cluster.scheduler.offer();
        cluster.scheduler.decline(offer, 0);
        cluster.scheduler.take();
        cluster.scheduler.accept({offer}, {task_info(offer, "t1")});
        const auto updates = cluster.scheduler.updates();
        ASSERT_EQ(updates.size(), 1u);
        EXPECT_EQ(updates[0].state(), row.want);
        EXPECT_EQ(updates[0].reason(), TaskStatus::REASON_INVALID_OFFERS);
        EXPECT_EQ(updates[0].message(), "Task launched with invalid offers: Offer " +
                                            offer.id().value() + " is no longer valid");
        EXPECT_EQ(updates[0].agent_id().value(), cluster.agent.id.value);
    }
}

TEST(Accept, AnInvalidOfferSpoilsTheValidOnes) {
    FakeShell shell;
    FakeAgent one = register_agent(shell, agent_info("node1"));
    FakeAgent two = register_agent(shell, agent_info("node2"));
    FakeScheduler scheduler = subscribe(shell);
    const auto offers = scheduler.offers();
    ASSERT_EQ(offers.size(), 2u);
    scheduler.accept(offers, {task_info(offers[0], "t1")});
    const auto events = scheduler.take();
    ASSERT_EQ(events.size(), 2u);
    EXPECT_THAT(events[0].update().status().message(), HasSubstr("one agent"));
    EXPECT_EQ(events[1].offers().offers_size(), 2) << "discarded, so offered anew";
    scheduler.accept({events[1].offers().offers(0), events[1].offers().offers(0)}, {});
    EXPECT_EQ(scheduler.offers().size(), 1u);
    EXPECT_TRUE(shell.logged("Duplicate offer"));
}

TEST(Accept, AnotherFrameworksOfferIsNotTouched) {
    Cluster cluster;
    const mesos::v1::Offer offer = cluster.scheduler.offer();
    FakeScheduler thief = subscribe(cluster.shell);
    thief.accept({offer}, {task_info(offer, "t1")});
    EXPECT_EQ(thief.updates().at(0).reason(), TaskStatus::REASON_INVALID_OFFERS);
    cluster.scheduler.accept({offer}, {task_info(offer, "t1")});
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kRunTask).size(), 1u);
}

TEST(Accept, WrongOperationsAreSkippedAndAnsweredWhenTheyHaveAnId) {
    Cluster cluster;
    const mesos::v1::Offer offer = cluster.scheduler.offer();
    Operation operation;
    operation.set_type(Operation::RESERVE);
    *operation.mutable_reserve()->mutable_resources() = offer.resources();
    SchedulerCall call = cluster.scheduler.make(SchedulerCall::ACCEPT);
    *call.mutable_accept()->add_offer_ids() = offer.id();
    *call.mutable_accept()->add_operations() = operation;
    operation.mutable_id()->set_value("op1");
    *call.mutable_accept()->add_operations() = operation;
    auto& launch_operation = *call.mutable_accept()->add_operations();
    launch_operation.set_type(Operation::LAUNCH);
    *launch_operation.mutable_launch()->add_task_infos() = task_info(offer, "t1");
    cluster.scheduler.call(call);
    const auto events = cluster.scheduler.take(SchedulerEvent::UPDATE_OPERATION_STATUS);
    ASSERT_EQ(events.size(), 1u);
    const auto& status = events[0].update_operation_status().status();
    EXPECT_EQ(status.operation_id().value(), "op1");
    EXPECT_EQ(status.state(), mesos::v1::OPERATION_ERROR);
    EXPECT_THAT(status.message(), HasSubstr("not dynamically reserved"));
    EXPECT_FALSE(status.has_uuid());
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kRunTask).size(), 1u);
}

TEST(Accept, LaunchWithAnOperationIdIsRefused) {
    Cluster cluster;
    const mesos::v1::Offer offer = cluster.scheduler.offer();
    Operation operation;
    operation.set_type(Operation::LAUNCH);
    operation.mutable_id()->set_value("op");
    *operation.mutable_launch()->add_task_infos() = task_info(offer, "t1");
    cluster.scheduler.operate(offer, operation);
    EXPECT_EQ(cluster.scheduler.updates().at(0).reason(), TaskStatus::REASON_TASK_INVALID);
}

}  // namespace
}  // namespace tepui::master::testing
