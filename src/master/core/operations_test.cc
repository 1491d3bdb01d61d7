#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "master/core/core_testing.h"
#include "resources/conversion.h"
#include "resources/entry.h"

// Reservations and volumes by frameworks and operators; what agents say of them; who acknowledges.
namespace tepui::master::testing {
namespace {

using ::testing::HasSubstr;
using Operation = mesos::v1::Offer::Operation;
using Capability = mesos::v1::FrameworkInfo::Capability;

Operation operation(const std::string& text) {
    Operation operation;
    const google::protobuf::LogSilencer quiet;  // It warns of the deprecated `role`.
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &operation)) << text;
    return operation;
}

const std::string for_web = "reservations { type: DYNAMIC role: 'web' } ";
const std::string cpu = "name: 'cpus' type: SCALAR scalar { value: 1 } ";
const std::string disk = "name: 'disk' type: SCALAR scalar { value: 100 } ";
const std::string volume_v =
    disk + for_web + "disk { persistence { id: 'v' } volume { container_path: 'd' mode: RW } } ";

Operation reserve(const std::string& resource, const std::string& id = "") {
    return operation("type: RESERVE reserve { resources { " + resource + " } } " +
                     (id.empty() ? "" : "id { value: '" + id + "' }"));
}
Operation unreserve(const std::string& resource) {
    return operation("type: UNRESERVE unreserve { resources { " + resource + " } }");
}
Operation create(const std::string& volume, const std::string& id = "") {
    return operation("type: CREATE create { volumes { " + volume + " } } " +
                     (id.empty() ? "" : "id { value: '" + id + "' }"));
}
Operation destroy(const std::string& volume) {
    return operation("type: DESTROY destroy { volumes { " + volume + " } }");
}

Operation launch_on(const mesos::v1::Offer& offer, std::string_view task,
                    const std::vector<std::string>& resources) {
    Operation launch;
    launch.set_type(Operation::LAUNCH);
    mesos::v1::TaskInfo info = task_info(offer, task);
    for (const std::string& text : resources) {
        EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, info.add_resources()));
    }
    *launch.mutable_launch()->add_task_infos() = info;
    return launch;
}

struct Cluster {
    FakeShell shell;
    FakeAgent agent = register_agent(shell, agent_info("node1", "cpus:8;mem:1024;disk:1000"));
    FakeScheduler scheduler;

    explicit Cluster(const mesos::v1::FrameworkInfo& info = modern_info("web"))
        : scheduler(subscribe(shell, info)) {}

    const Agent& record() const { return shell.state().agents.at(agent.id); }
    std::string total() const { return record().total.to_string(); }

    void accept(const mesos::v1::Offer& offer, std::vector<Operation> operations,
                double refuse_seconds = 5) {
        SchedulerCall call = scheduler.make(SchedulerCall::ACCEPT);
        *call.mutable_accept()->add_offer_ids() = offer.id();
        for (Operation& each : operations) *call.mutable_accept()->add_operations() = each;
        call.mutable_accept()->mutable_filters()->set_refuse_seconds(refuse_seconds);
        scheduler.call(std::move(call));
    }

    std::vector<mesos::v1::OperationStatus> statuses() {
        std::vector<mesos::v1::OperationStatus> statuses;
        for (const auto& event : scheduler.take(SchedulerEvent::UPDATE_OPERATION_STATUS)) {
            statuses.push_back(event.update_operation_status().status());
        }
        return statuses;
    }

    /// The agent answers the oldest ApplyOperation that was not answered yet.
    void finish(const std::string& uuid, mesos::v1::OperationState state, char status = 's') {
        link::ToMaster frame;
        auto& update = *frame.mutable_operation_update();
        update.set_operation_uuid(uuid);
        update.mutable_status()->set_state(state);
        update.mutable_status()->mutable_uuid()->set_value(std::string(16, status));
        agent.send(std::move(frame));
    }

    void acknowledge(const std::string& id, char status = 's') {
        SchedulerCall call = scheduler.make(SchedulerCall::ACKNOWLEDGE_OPERATION_STATUS);
        auto& acknowledge = *call.mutable_acknowledge_operation_status();
        acknowledge.mutable_operation_id()->set_value(id);
        acknowledge.mutable_agent_id()->set_value(agent.id.value);
        acknowledge.set_uuid(std::string(16, status));
        scheduler.call(std::move(call));
    }

    void reconcile(const std::vector<std::string>& ids) {
        SchedulerCall call = scheduler.make(SchedulerCall::RECONCILE_OPERATIONS);
        call.mutable_reconcile_operations();
        for (const std::string& id : ids) {
            call.mutable_reconcile_operations()
                ->add_operations()
                ->mutable_operation_id()
                ->set_value(id);
        }
        scheduler.call(std::move(call));
    }

    Errc refused(const RequestToken& request) {
        const Result<void>* answer = shell.answer(request);
        EXPECT_TRUE(answer != nullptr && !*answer);
        return answer != nullptr && !*answer ? answer->error().code : Errc::internal;
    }
};

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

// --- Feedback ---

struct Applied : Cluster {
    std::string uuid;

    explicit Applied(const std::string& id = "op") {
        accept(scheduler.offer(), {reserve(cpu + for_web, id)}, 0);
        uuid = agent.take(link::ToAgent::kApplyOperation).at(0).apply_operation().operation_uuid();
        scheduler.take();
    }
    bool known() const { return record().operations.contains(uuid); }
    std::size_t acknowledged() { return agent.take(link::ToAgent::kAcknowledgeOperation).size(); }
};

TEST(OperationFeedback, StatusesGoToTheFrameworkAndItsAcknowledgementBack) {
    Applied applied;
    applied.finish(applied.uuid, mesos::v1::OPERATION_FINISHED);
    const auto statuses = applied.statuses();
    ASSERT_EQ(statuses.size(), 1u);
    EXPECT_EQ(statuses[0].operation_id().value(), "op");
    EXPECT_EQ(statuses[0].state(), mesos::v1::OPERATION_FINISHED);
    EXPECT_EQ(statuses[0].agent_id().value(), applied.agent.id.value);
    EXPECT_EQ(statuses[0].uuid().value(), std::string(16, 's'));
    EXPECT_EQ(applied.acknowledged(), 0u);

    applied.acknowledge("op", 'x');  // Not of this status.
    EXPECT_TRUE(applied.known());
    applied.acknowledge("op");
    const auto frames = applied.agent.take(link::ToAgent::kAcknowledgeOperation);
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].acknowledge_operation().operation_uuid(), applied.uuid);
    EXPECT_EQ(frames[0].acknowledge_operation().status_uuid(), std::string(16, 's'));
    EXPECT_FALSE(applied.known());
    EXPECT_TRUE(applied.shell.state().frameworks.at(applied.scheduler.id).operations.empty());
    applied.acknowledge("op");
    EXPECT_EQ(applied.acknowledged(), 0u) << "once is enough";

    applied.finish(applied.uuid, mesos::v1::OPERATION_FINISHED);
    EXPECT_EQ(applied.acknowledged(), 1u) << "the acknowledgement was lost on its way to the agent";
    EXPECT_TRUE(applied.statuses().empty());
}

TEST(OperationFeedback, WithoutIdTheMasterAcknowledges) {
    Applied applied("");
    applied.finish(applied.uuid, mesos::v1::OPERATION_FINISHED);
    EXPECT_EQ(applied.acknowledged(), 1u);
    EXPECT_FALSE(applied.known());
    EXPECT_TRUE(applied.statuses().empty());
}

TEST(OperationFeedback, OfAnOperatorTheMasterAcknowledges) {
    Cluster cluster;
    cluster.shell.operate(cluster.agent.id, reserve(cpu + for_web));
    const auto frames = cluster.agent.take(link::ToAgent::kApplyOperation);
    cluster.finish(frames.at(0).apply_operation().operation_uuid(), mesos::v1::OPERATION_FINISHED);
    EXPECT_EQ(cluster.agent.take(link::ToAgent::kAcknowledgeOperation).size(), 1u);
}

TEST(OperationFeedback, AnIdInUseIsRefused) {
    Applied applied;
    for (const auto& [id, offer] : std::map(applied.shell.state().offers)) {
        applied.accept(*offer.info, {reserve(cpu + for_web, "op")});
    }
    const auto statuses = applied.statuses();
    ASSERT_EQ(statuses.size(), 1u);
    EXPECT_THAT(statuses[0].message(), HasSubstr("in use"));
}

TEST(OperationFeedback, AnAgentThatCouldNotSaysWhatItHas) {
    Applied applied;
    const auto kept = [] {
        link::ToMaster frame;
        frame.mutable_checkpointed_resources();
        return frame;
    };
    applied.agent.send(kept());
    EXPECT_THAT(applied.total(), HasSubstr("(DYNAMIC,web)")) << "it is still on its way";
    applied.finish(applied.uuid, mesos::v1::OPERATION_FAILED);
    applied.agent.send(kept());
    EXPECT_EQ(applied.total(), "cpus:8; mem:1024; disk:1000");
    const auto events = applied.scheduler.take();
    ASSERT_GE(events.size(), 3u);
    EXPECT_TRUE(events[1].has_rescind());
    EXPECT_EQ(Resources::parse(events[2].offers().offers(0).resources())->reserved_roles().size(),
              0u);
    EXPECT_EQ(events[0].update_operation_status().status().state(), mesos::v1::OPERATION_FAILED);
}

TEST(OperationFeedback, CorrectionsEndNoTask) {
    Cluster cluster;
    const auto offer = cluster.scheduler.offer();
    cluster.accept(offer, {reserve(disk + for_web), create(volume_v),
                           launch_on(offer, "t", {volume_v + "allocation_info { role: 'web' }"})});
    for (const auto& frame : cluster.agent.take(link::ToAgent::kApplyOperation)) {
        cluster.finish(frame.apply_operation().operation_uuid(), mesos::v1::OPERATION_FAILED);
    }
    link::ToMaster kept;
    kept.mutable_checkpointed_resources();
    cluster.agent.send(std::move(kept));
    EXPECT_EQ(cluster.total(), "cpus:8; mem:1024; disk:1000");
    EXPECT_TRUE(
        cluster.shell.state().frameworks.at(cluster.scheduler.id).tasks.contains(TaskId{"t"}));
    EXPECT_TRUE(cluster.scheduler.updates().empty());
}

TEST(OperationFeedback, IsReconciled) {
    Applied applied;
    applied.reconcile({});
    auto statuses = applied.statuses();
    ASSERT_EQ(statuses.size(), 1u);
    EXPECT_EQ(statuses[0].state(), mesos::v1::OPERATION_PENDING);
    applied.finish(applied.uuid, mesos::v1::OPERATION_FINISHED);
    applied.statuses();
    applied.reconcile({"op", "nobody"});
    statuses = applied.statuses();
    ASSERT_EQ(statuses.size(), 2u);
    EXPECT_EQ(statuses[0].state(), mesos::v1::OPERATION_FINISHED);
    EXPECT_FALSE(statuses[0].has_uuid());
    EXPECT_EQ(statuses[1].state(), mesos::v1::OPERATION_UNKNOWN);
    EXPECT_EQ(statuses[1].message(),
              "Reconciliation: Operation is unknown and no 'agent_id' was provided");
}

// --- Agents that go and come back ---

struct Returning : Applied {
    /// Comes back with what it keeps: `reserved`, and the operation if it is listed.
    void come_back(bool reserved, std::optional<mesos::v1::OperationState> listed,
                   bool same_link = false) {
        if (!same_link) agent.link = shell.open_link();
        link::ToMaster frame;
        auto& reregister = *frame.mutable_reregister_agent();
        *reregister.mutable_agent() = agent.info;
        reregister.set_version("1.12.0");
        if (reserved) {
            EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
                cpu + for_web, reregister.add_checkpointed_resources()));
        }
        if (listed) {
            auto& operation = *reregister.add_operations();
            *operation.mutable_info() = reserve(cpu + for_web, "op");
            operation.mutable_framework_id()->set_value(scheduler.id.value);
            operation.mutable_uuid()->set_value(uuid);
            operation.mutable_latest_status()->set_state(*listed);
            operation.mutable_latest_status()->mutable_operation_id()->set_value("op");
            operation.mutable_latest_status()->mutable_uuid()->set_value(std::string(16, 's'));
        }
        agent.send(std::move(frame));
    }
};

TEST(OperationsOfReturningAgents, WhatDidNotArriveWasDropped) {
    Returning returning;
    returning.come_back(/*reserved=*/false, std::nullopt);
    EXPECT_EQ(returning.total(), "cpus:8; mem:1024; disk:1000");
    const auto statuses = returning.statuses();
    ASSERT_EQ(statuses.size(), 1u);
    EXPECT_EQ(statuses[0].state(), mesos::v1::OPERATION_DROPPED);
    EXPECT_FALSE(returning.known());
}

TEST(OperationsOfReturningAgents, WhatIsOnTheWayStays) {
    Returning returning;
    returning.come_back(/*reserved=*/false, std::nullopt, /*same_link=*/true);
    EXPECT_THAT(returning.total(), HasSubstr("(DYNAMIC,web)"));
    EXPECT_TRUE(returning.statuses().empty());
    EXPECT_TRUE(returning.known());
}

TEST(OperationsOfReturningAgents, ANewMasterTakesThemIn) {
    Returning returning;
    returning.shell.crash_and_restart();
    auto info = modern_info("web");
    info.mutable_id()->set_value(returning.scheduler.id.value);
    returning.scheduler.stream = returning.shell.subscribe(info);
    returning.come_back(/*reserved=*/true, mesos::v1::OPERATION_FINISHED);
    EXPECT_THAT(returning.total(), HasSubstr("cpus(reservations: [(DYNAMIC,web)]):1"));
    EXPECT_TRUE(returning.known());
    returning.finish(returning.uuid, mesos::v1::OPERATION_FINISHED);
    EXPECT_EQ(returning.statuses().size(), 1u);
    returning.acknowledge("op");
    EXPECT_EQ(returning.acknowledged(), 1u);
    EXPECT_FALSE(returning.known());
}

TEST(OperationsOfReturningAgents, OfEndedFrameworksAreAdopted) {
    Returning returning;
    returning.finish(returning.uuid, mesos::v1::OPERATION_FINISHED);
    EXPECT_EQ(returning.acknowledged(), 0u);
    returning.shell.teardown(returning.scheduler.id);
    EXPECT_EQ(returning.acknowledged(), 1u);
    EXPECT_FALSE(returning.known());
    returning.come_back(/*reserved=*/true, mesos::v1::OPERATION_FINISHED);
    EXPECT_EQ(returning.acknowledged(), 1u) << "also one that was listed later";
    EXPECT_FALSE(returning.known());
}

TEST(OperationsOfReturningAgents, OrphansAreAdoptedAfterAWhile) {
    Returning returning;
    returning.scheduler.id = FrameworkId{"never-met"};
    returning.come_back(/*reserved=*/true, mesos::v1::OPERATION_FINISHED);
    ASSERT_TRUE(returning.known());
    const auto wait = [&](std::chrono::minutes span) {
        for (auto passed = Duration::zero(); passed < span; passed += std::chrono::seconds{15}) {
            returning.shell.pass(std::chrono::seconds{15});
            returning.agent.pong();
        }
    };
    wait(std::chrono::minutes{9});
    EXPECT_TRUE(returning.known());
    wait(std::chrono::minutes{2});
    EXPECT_FALSE(returning.known());
    EXPECT_EQ(returning.acknowledged(), 1u);
}

TEST(OperationsOfReturningAgents, LossIsTold) {
    struct Row {
        bool gone;
        mesos::v1::OperationState want;
    };
    for (const Row& row : {Row{true, mesos::v1::OPERATION_GONE_BY_OPERATOR},
                           Row{false, mesos::v1::OPERATION_UNREACHABLE}}) {
        Applied applied;
        if (row.gone) {
            applied.shell.mark_gone(applied.agent.id);
        } else {
            applied.shell.pass(std::chrono::seconds{120});
        }
        const auto statuses = applied.statuses();
        ASSERT_EQ(statuses.size(), 1u);
        EXPECT_EQ(statuses[0].state(), row.want);
        EXPECT_EQ(statuses[0].operation_id().value(), "op");
        EXPECT_TRUE(applied.shell.state().frameworks.at(applied.scheduler.id).operations.empty());
    }
}

TEST(OperationsOfReturningAgents, OneWithLessThanItKeepsIsNotTakenIn) {
    Returning returning;
    returning.agent.info = agent_info("node1", "mem:10");
    returning.agent.info.mutable_id()->set_value(returning.agent.id.value);
    returning.come_back(/*reserved=*/true, std::nullopt);
    EXPECT_TRUE(returning.shell.logged("do not contain what is reserved"));
    EXPECT_THAT(returning.total(), HasSubstr("cpus"));
}

}  // namespace
}  // namespace tepui::master::testing
