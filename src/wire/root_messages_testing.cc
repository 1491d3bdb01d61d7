#include "wire/root_messages_testing.h"

#include "mesos/v1/agent/agent.pb.h"
#include "mesos/v1/executor/executor.pb.h"
#include "mesos/v1/maintenance/maintenance.pb.h"
#include "mesos/v1/master/master.pb.h"
#include "mesos/v1/quota/quota.pb.h"
#include "mesos/v1/resource_provider/resource_provider.pb.h"
#include "mesos/v1/scheduler/scheduler.pb.h"

namespace tepui::wire {
namespace {

namespace v1 = mesos::v1;
using Messages = std::vector<std::unique_ptr<google::protobuf::Message>>;

template <typename... T>
void add(Messages& messages) {
    (messages.push_back(std::make_unique<T>()), ...);
}

}  // namespace

Messages root_calls() {
    Messages calls;
    add<v1::scheduler::Call, v1::executor::Call, v1::master::Call, v1::agent::Call,
        v1::resource_provider::Call>(calls);
    return calls;
}

Messages root_messages() {
    Messages messages = root_calls();
    add<v1::scheduler::Event, v1::scheduler::Response, v1::executor::Event, v1::master::Response,
        v1::master::Event, v1::agent::Response, v1::agent::ProcessIO, v1::resource_provider::Event,
        v1::maintenance::Schedule, v1::quota::QuotaRequest>(messages);
    return messages;
}

}  // namespace tepui::wire
