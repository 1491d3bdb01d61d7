#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/operations_testing.h"
#include "resources/entry.h"

// Reservations and volumes by frameworks and operators.
namespace tepui::master::testing {
namespace {

using ::testing::HasSubstr;
using Capability = mesos::v1::FrameworkInfo::Capability;
using Cluster = OperationsCluster;

// --- ACCEPT ---

TEST(Operations, ReserveCreateAndLaunchInOneCall) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.accept(offer, {reserve(disk + for_web), create(volume_v),
                           launch_on(offer, "t", {volume_v + "allocation_info { role: 'web' }"})});
    const auto frames = cluster.agent.take();
    std::vector<link::ToAgent::MessageCase> order;
    for (const auto& frame : frames) {
        if (!frame.has_ping()) order.push_back(frame.message_case());
    }
    EXPECT_EQ(order, (std::vector{link::ToAgent::kApplyOperation, link::ToAgent::kApplyOperation,
                                  link::ToAgent::kRunTask}))
        << "the agent has the volume before the task that uses it";
    EXPECT_TRUE(cluster.scheduler.updates().empty());
    EXPECT_EQ(cluster.total(),
              "cpus:8; mem:1024; disk:900; disk(reservations: [(DYNAMIC,web)])[v:d]:100");
    const auto& used = cluster.record().used.at(cluster.scheduler.id);
    EXPECT_EQ(used.persistent_volumes().size(), 1u);
}

TEST(Operations, AreSentWithWhatTheWireLeftOpen) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.accept(offer, {reserve(cpu + "role: 'web' reservation {}")});
    const auto frames = cluster.agent.take(link::ToAgent::kApplyOperation);
    ASSERT_EQ(frames.size(), 1u);
    const auto& apply = frames[0].apply_operation();
    EXPECT_EQ(apply.operation_uuid().size(), 16u);
    EXPECT_EQ(apply.framework_id().value(), cluster.scheduler.id.value);
    const auto& resource = apply.operation().reserve().resources(0);
    EXPECT_EQ(resource.allocation_info().role(), "web");
    ASSERT_EQ(resource.reservations_size(), 1);
    EXPECT_EQ(resource.reservations(0).role(), "web");
}

TEST(Operations, WhatTheyMakeIsOfferedAtOnceDespiteTheFilter) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.accept(offer, {reserve(cpu + for_web)}, 3600);
    const auto again = cluster.scheduler.offer();
    EXPECT_EQ(Resources::parse(again.resources())->reserved_for("web").scalar("cpus").milli, 1000);
}

TEST(Operations, AFailingOneIsSkippedAlone) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.accept(
        offer, {reserve("name: 'cpus' type: SCALAR scalar { value: 100 } " + for_web, "too-much"),
                reserve(cpu + for_web, "fits")});
    const auto statuses = cluster.statuses();
    ASSERT_EQ(statuses.size(), 1u);
    EXPECT_EQ(statuses[0].operation_id().value(), "too-much");
    EXPECT_EQ(statuses[0].state(), mesos::v1::OPERATION_ERROR);
    EXPECT_EQ(
        statuses[0].message(),
        "cpus(allocated: web):8; mem(allocated: web):1024; disk(allocated: web):1000 does not "
        "contain cpus(allocated: web):100");
    EXPECT_FALSE(statuses[0].has_agent_id()) << "as recorded";
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kApplyOperation).size(), 1u);
}

struct Wrong {
    Operation operation;
    const char* why;
};

TEST(Operations, AreRefusedToFrameworks) {
    mesos::v1::FrameworkInfo info = modern_info("web");
    info.set_principal("me");
    Cluster cluster(info);
    cluster.shell.operate(cluster.agent.id, reserve(disk + for_web));
    cluster.shell.operate(cluster.agent.id, create(volume_v));
    const std::string mine = "reservations { type: DYNAMIC role: 'web' principal: 'me' } ";
    const std::string kept = disk + mine +
                             "disk { persistence { id: 'v' principal: 'me' } volume { "
                             "container_path: 'd' mode: RW } } ";
    const Wrong rows[] = {
        {reserve(cpu + for_web), "has no principal"},
        {reserve(cpu + "reservations { type: DYNAMIC role: 'web' principal: 'you' }"),
         "says principal 'you'"},
        {reserve(cpu + "reservations { type: DYNAMIC role: 'db' principal: 'me' }"),
         "for role 'db'"},
        {operation("type: RESERVE reserve { source { " + cpu + "} resources { " + cpu + mine +
                   "} }"),
         "'source' is for operators"},
        {unreserve(cpu), "not dynamically reserved"},
        {create(kept), "in use for role 'web'"},
        {create(disk + mine +
                "disk { persistence { id: 'w' } volume { container_path: 'd' mode: RW } } "),
         "has no principal"},
        {create(disk + mine +
                "shared {} disk { persistence { id: 'w' principal: 'me' } volume { container_path: "
                "'d' mode: RW } } "),
         "SHARED_RESOURCES"},
        {destroy(disk + for_web +
                 "disk { persistence { id: 'x' } volume { container_path: 'd' mode: RW } } "),
         "has no volume"},
        {operation("type: CREATE_DISK"), "no resource providers"},
        {operation("type: DESTROY_DISK"), "no resource providers"},
    };
    for (const Wrong& row : rows) {
        SCOPED_TRACE(row.why);
        Operation wrong = row.operation;
        wrong.mutable_id()->set_value("op");
        const auto offers = cluster.scheduler.offers();
        ASSERT_FALSE(offers.empty());
        const std::string before = cluster.total();
        cluster.accept(offers.back(), {wrong}, 0);
        const auto events = cluster.scheduler.take();
        std::string message;
        for (const auto& event : events) {
            if (event.has_update_operation_status())
                message = event.update_operation_status().status().message();
        }
        EXPECT_THAT(message, HasSubstr(row.why));
        EXPECT_EQ(cluster.total(), before);
        for (const auto& [id, offer] : std::map(cluster.shell.state().offers)) {
            cluster.scheduler.decline(*offer.info, 0);
        }
    }
}

TEST(Operations, ReservationsAreRefinedAndUndoneLayerByLayer) {
    Cluster cluster;
    const std::string sub = "reservations { type: DYNAMIC role: 'web/sub' } ";
    cluster.accept(cluster.scheduler.offer(),
                   {reserve(cpu + for_web), reserve(cpu + for_web + sub)}, 0);
    EXPECT_THAT(cluster.total(),
                HasSubstr("cpus(reservations: [(DYNAMIC,web), (DYNAMIC,web/sub)]):1"));
    const auto undo = cluster.shell.operate(cluster.agent.id, unreserve(cpu + for_web + sub));
    ASSERT_TRUE(*cluster.shell.answer(undo)) << cluster.shell.answer(undo)->error().text;
    EXPECT_THAT(cluster.total(), HasSubstr("cpus(reservations: [(DYNAMIC,web)]):1"));
}

TEST(Operations, AResizedVolumeIsNotForLaterOperationsOfTheCall) {
    Cluster cluster;
    cluster.shell.operate(cluster.agent.id,
                          reserve("name: 'disk' type: SCALAR scalar { value: 300 } " + for_web));
    cluster.shell.operate(cluster.agent.id, create(volume_v));
    const std::string grown =
        "name: 'disk' type: SCALAR scalar { value: 150 } " + for_web +
        "disk { persistence { id: 'v' } volume { container_path: 'd' mode: RW } } ";
    const auto offers = cluster.scheduler.offers();
    const auto& offer = offers.back();
    cluster.accept(offer,
                   {operation("type: GROW_VOLUME grow_volume { volume { " + volume_v +
                              "} addition { name: 'disk' type: SCALAR scalar { value: 50 } " +
                              for_web + "} }"),
                    launch_on(offer, "t", {grown + "allocation_info { role: 'web' }"})},
                   0);
    EXPECT_THAT(cluster.total(), HasSubstr("[v:d]:150"));
    const auto events = cluster.scheduler.take();
    bool refused = false;
    bool offered = false;
    for (const auto& event : events) {
        refused = refused ||
                  (event.has_update() && event.update().status().state() == mesos::v1::TASK_ERROR);
        for (const auto& each : event.offers().offers()) {
            offered =
                offered ||
                Resources::parse(each.resources())->persistent_volumes().scalar("disk").milli ==
                    150'000;
        }
    }
    EXPECT_TRUE(refused);
    EXPECT_TRUE(offered);
}

TEST(Operations, ASharedVolumeServesManyTasksOfACallAndBlocksItsEnd) {
    mesos::v1::FrameworkInfo info = modern_info("web");
    add_capability(info, Capability::SHARED_RESOURCES);
    Cluster cluster(info);
    const std::string shared = volume_v + "shared {} ";
    const std::string taken = shared + "allocation_info { role: 'web' }";
    const auto offer = cluster.scheduler.offer();
    cluster.accept(offer, {reserve(disk + for_web), create(shared), launch_on(offer, "t1", {taken}),
                           launch_on(offer, "t2", {taken})});
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kRunTask).size(), 2u);
    const auto& used = cluster.record().used.at(cluster.scheduler.id).shared();
    ASSERT_EQ(used.size(), 1u);
    EXPECT_EQ(used.entries()[0].copies, 2u);

    const auto early = cluster.shell.operate(cluster.agent.id, destroy(shared));
    EXPECT_EQ(cluster.refused(early), Errc::invalid_argument);
    for (const char* task : {"t1", "t2"}) {
        cluster.agent.update(cluster.scheduler.id, task, mesos::v1::TASK_FINISHED);
    }
    const auto later = cluster.shell.operate(cluster.agent.id, destroy(shared));
    ASSERT_TRUE(*cluster.shell.answer(later)) << cluster.shell.answer(later)->error().text;
    EXPECT_TRUE(cluster.record().total.persistent_volumes().empty());
}

// --- Operators ---

TEST(OperatorOperations, RescindWhatTheyNeedAndNoMore) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.accept(offer, {reserve(cpu + for_web),
                           launch_on(offer, "t",
                                     {"name: 'cpus' type: SCALAR scalar { value: 6 }",
                                      "name: 'mem' type: SCALAR scalar { value: 896 }",
                                      "name: 'disk' type: SCALAR scalar { value: 1000 }"})});
    const auto reserved = cluster.scheduler.offer();
    cluster.scheduler.call(cluster.scheduler.make(SchedulerCall::SUPPRESS));
    cluster.agent.update(cluster.scheduler.id, "t", mesos::v1::TASK_FINISHED);
    FakeScheduler other = subscribe(cluster.shell, modern_info("db"));
    const auto rest = other.offer();
    const auto request = cluster.shell.operate(
        cluster.agent.id,
        reserve("name: 'mem' type: SCALAR scalar { value: 256 } reservations { type: DYNAMIC "
                "role: 'db' } "));
    ASSERT_TRUE(*cluster.shell.answer(request));
    const auto events = other.take();
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].rescind().offer_id().value(), rest.id().value());
    EXPECT_EQ(Resources::parse(events[1].offers().offers(0).resources())
                  ->reserved_for("db")
                  .scalar("mem")
                  .milli,
              256'000);
    EXPECT_TRUE(cluster.shell.state().offers.contains(OfferId{reserved.id().value()}));
    const auto frames = cluster.agent.take(link::ToAgent::kApplyOperation);
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_FALSE(frames[1].apply_operation().has_framework_id());
}

TEST(OperatorOperations, ReReserveWithSource) {
    Cluster cluster;
    cluster.shell.operate(cluster.agent.id, reserve(cpu + for_web));
    const auto request = cluster.shell.operate(
        cluster.agent.id,
        operation("type: RESERVE reserve { source { " + cpu + for_web + "} resources { " + cpu +
                  "reservations { type: DYNAMIC role: 'db' } } }"));
    ASSERT_TRUE(*cluster.shell.answer(request));
    EXPECT_EQ(cluster.total(), "cpus:7; cpus(reservations: [(DYNAMIC,db)]):1; mem:1024; disk:1000");
}

TEST(OperatorOperations, AreRefusedAsRecorded) {
    Cluster cluster;
    cluster.shell.operate(cluster.agent.id, reserve(disk + for_web));
    cluster.shell.operate(cluster.agent.id, create(volume_v));
    struct Row {
        Operation operation;
        Errc want;
    };
    const Row rows[] = {
        {reserve("name: 'cpus' type: SCALAR scalar { value: 100000 } " + for_web), Errc::conflict},
        {reserve(cpu + "reservations { type: DYNAMIC role: 'a//b' }"), Errc::invalid_argument},
        {unreserve("name: 'cpus' type: SCALAR scalar { value: 3 } " + for_web), Errc::conflict},
        {create(volume_v), Errc::invalid_argument},
        {create("name: 'disk' type: SCALAR scalar { value: 10 } disk { persistence { id: 'x' } "
                "volume { container_path: 'x' mode: RW } }"),
         Errc::invalid_argument},
        {unreserve(disk + for_web), Errc::conflict},
        {operation("type: CREATE_DISK"), Errc::invalid_argument},
    };
    const auto offers = cluster.shell.state().offers.size();
    cluster.scheduler.take();
    for (const Row& row : rows) {
        SCOPED_TRACE(row.operation.ShortDebugString());
        EXPECT_EQ(cluster.refused(cluster.shell.operate(cluster.agent.id, row.operation)),
                  row.want);
    }
    EXPECT_EQ(cluster.shell.state().offers.size(), offers);
    EXPECT_TRUE(cluster.scheduler.take().empty()) << "no offer is taken back in vain";
    EXPECT_EQ(cluster.refused(cluster.shell.operate(AgentId{"nobody"}, reserve(cpu + for_web))),
              Errc::not_found);
    EXPECT_EQ(
        cluster.refused(cluster.shell.operate(cluster.agent.id, reserve(cpu + for_web), "ops")),
        Errc::invalid_argument)
        << "the principal who asks is not that of the reservation";
    cluster.shell.close_link(cluster.agent.link);
    EXPECT_EQ(cluster.refused(cluster.shell.operate(cluster.agent.id, reserve(cpu + for_web))),
              Errc::conflict);
}

TEST(OperatorOperations, AgentsOfOlderReleasesAreLeftAlone) {
    Cluster cluster;
    cluster.agent.link = cluster.shell.open_link();
    link::ToMaster frame;
    *frame.mutable_reregister_agent()->mutable_agent() = cluster.agent.info;
    frame.mutable_reregister_agent()->set_version("1.12.0");
    cluster.agent.send(std::move(frame));
    const auto request = cluster.shell.operate(cluster.agent.id, reserve(cpu + for_web));
    ASSERT_EQ(cluster.refused(request), Errc::invalid_argument);
    EXPECT_THAT(cluster.shell.answer(request)->error().text, HasSubstr("AGENT_OPERATION_FEEDBACK"));
}

TEST(OperatorOperations, WhatTasksUseCannotBeTaken) {
    Cluster cluster;
    launch(cluster.scheduler, cluster.agent, "t", "cpus:8;mem:128");
    EXPECT_EQ(cluster.refused(cluster.shell.operate(cluster.agent.id, reserve(cpu + for_web))),
              Errc::conflict);
}

}  // namespace
}  // namespace tepui::master::testing
