#pragma once

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "master/core/core_testing.h"

// What the tests of reservations and volumes share.
namespace tepui::master::testing {

using Operation = mesos::v1::Offer::Operation;

inline Operation operation(const std::string& text) {
    Operation operation;
    const google::protobuf::LogSilencer quiet;  // It warns of the deprecated `role`.
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &operation)) << text;
    return operation;
}

// Resources and operations on them, as text of their messages.
inline const std::string for_web = "reservations { type: DYNAMIC role: 'web' } ";
inline const std::string cpu = "name: 'cpus' type: SCALAR scalar { value: 1 } ";
inline const std::string disk = "name: 'disk' type: SCALAR scalar { value: 100 } ";
inline const std::string volume_v =
    disk + for_web + "disk { persistence { id: 'v' } volume { container_path: 'd' mode: RW } } ";

inline Operation reserve(const std::string& resource, const std::string& id = "") {
    return operation("type: RESERVE reserve { resources { " + resource + " } } " +
                     (id.empty() ? "" : "id { value: '" + id + "' }"));
}
inline Operation unreserve(const std::string& resource) {
    return operation("type: UNRESERVE unreserve { resources { " + resource + " } }");
}
inline Operation create(const std::string& volume, const std::string& id = "") {
    return operation("type: CREATE create { volumes { " + volume + " } } " +
                     (id.empty() ? "" : "id { value: '" + id + "' }"));
}
inline Operation destroy(const std::string& volume) {
    return operation("type: DESTROY destroy { volumes { " + volume + " } }");
}

inline Operation launch_on(const mesos::v1::Offer& offer, std::string_view task,
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

/// An agent and a framework of the role web.
struct OperationsCluster {
    FakeShell shell;
    FakeAgent agent = register_agent(shell, agent_info("node1", "cpus:8;mem:1024;disk:1000"));
    FakeScheduler scheduler;

    explicit OperationsCluster(const mesos::v1::FrameworkInfo& info = modern_info("web"))
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

    /// The agent tells the state of the operation that it knows as `uuid`.
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

}  // namespace tepui::master::testing
