#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "master/core/operations_testing.h"

// What agents say of operations, who acknowledges it, and what becomes of them when agents go.
namespace tepui::master::testing {
namespace {

using ::testing::HasSubstr;
using Cluster = OperationsCluster;

// --- Feedback ---

struct Applied : OperationsCluster {
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
