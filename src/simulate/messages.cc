#include "simulate/messages.h"

#include <fmt/format.h>

namespace tepui::simulate {

namespace {

void add_scalar(google::protobuf::RepeatedPtrField<mesos::v1::Resource>& list, const char* name,
                std::int64_t milli) {
    auto& resource = *list.Add();
    resource.set_name(name);
    resource.set_type(mesos::v1::Value::SCALAR);
    resource.mutable_scalar()->set_value(static_cast<double>(milli) / 1000);
}

}  // namespace

mesos::v1::MasterInfo master_info() {
    mesos::v1::MasterInfo info;
    info.set_id("simulated");
    info.set_ip(16777343);  // 127.0.0.1 in network order.
    info.set_port(5050);
    info.set_hostname("simulated");
    return info;
}

mesos::v1::FrameworkInfo framework_info(std::size_t number, const std::string& role) {
    mesos::v1::FrameworkInfo info;
    info.set_user("root");
    info.set_name(fmt::format("framework-{}", number));
    info.add_roles(role);
    info.add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::MULTI_ROLE);
    info.add_capabilities()->set_type(mesos::v1::FrameworkInfo::Capability::RESERVATION_REFINEMENT);
    return info;
}

link::ToMaster registration(std::size_t number, std::int64_t cpus_milli, std::int64_t mem_milli) {
    link::ToMaster frame;
    frame.set_agent_id("");
    auto& registration = *frame.mutable_register_agent();
    auto& info = *registration.mutable_agent();
    info.set_hostname(fmt::format("agent-{}", number));
    info.set_port(5051);
    add_scalar(*info.mutable_resources(), "cpus", cpus_milli);
    add_scalar(*info.mutable_resources(), "mem", mem_milli);
    registration.set_version("1.12.0");
    registration.set_ip(
        fmt::format("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255));
    for (const char* name :
         {"MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "AGENT_DRAINING"}) {
        registration.add_capabilities(name);
    }
    return frame;
}

mesos::v1::TaskInfo task_info(const std::string& id, const mesos::v1::AgentID& agent,
                              const std::string& role, std::int64_t cpus_milli,
                              std::int64_t mem_milli) {
    mesos::v1::TaskInfo task;
    task.set_name(id);
    task.mutable_task_id()->set_value(id);
    *task.mutable_agent_id() = agent;
    task.mutable_command()->set_value("true");
    add_scalar(*task.mutable_resources(), "cpus", cpus_milli);
    add_scalar(*task.mutable_resources(), "mem", mem_milli);
    for (auto& resource : *task.mutable_resources()) {
        resource.mutable_allocation_info()->set_role(role);
    }
    return task;
}

link::ToMaster status_update(const std::string& agent, const mesos::v1::FrameworkID& framework,
                             const mesos::v1::TaskID& task, mesos::v1::TaskState state, WallTime at,
                             std::string uuid) {
    link::ToMaster frame;
    frame.set_agent_id(agent);
    auto& update = *frame.mutable_status_update();
    *update.mutable_framework_id() = framework;
    auto& status = *update.mutable_status();
    *status.mutable_task_id() = task;
    status.set_state(state);
    status.mutable_agent_id()->set_value(agent);
    status.set_source(mesos::v1::TaskStatus::SOURCE_EXECUTOR);
    status.set_timestamp(std::chrono::duration<double>(at.since_epoch).count());
    status.set_uuid(std::move(uuid));
    update.set_latest_state(state);
    return frame;
}

mesos::v1::scheduler::Call acknowledgement(const mesos::v1::TaskStatus& status) {
    mesos::v1::scheduler::Call call;
    call.set_type(mesos::v1::scheduler::Call::ACKNOWLEDGE);
    auto& acknowledge = *call.mutable_acknowledge();
    *acknowledge.mutable_agent_id() = status.agent_id();
    *acknowledge.mutable_task_id() = status.task_id();
    acknowledge.set_uuid(status.uuid());
    return call;
}

}  // namespace tepui::simulate
