#pragma once

#include <string>

#include "mesos/v1/master/master.pb.h"

namespace tepui::cli::testing_cluster {

using mesos::v1::master::Event;
using Agent = mesos::v1::master::Response::GetAgents::Agent;
using Framework = mesos::v1::master::Response::GetFrameworks::Framework;

inline void add_scalar(google::protobuf::RepeatedPtrField<mesos::v1::Resource>& list,
                       const std::string& name, double value, const std::string& role = "") {
    auto* resource = list.Add();
    resource->set_name(name);
    resource->set_type(mesos::v1::Value::SCALAR);
    resource->mutable_scalar()->set_value(value);
    if (!role.empty()) resource->mutable_allocation_info()->set_role(role);
}

/// An agent with 4 CPUs and 2 GB.
inline Agent make_agent(const std::string& id, const std::string& host) {
    Agent agent;
    agent.mutable_agent_info()->mutable_id()->set_value(id);
    agent.mutable_agent_info()->set_hostname(host);
    agent.set_active(true);
    agent.set_pid("slave(1)@10.0.0.5:5051");
    add_scalar(*agent.mutable_total_resources(), "cpus", 4);
    add_scalar(*agent.mutable_total_resources(), "mem", 2048);
    return agent;
}

inline Framework make_framework(const std::string& id, const std::string& name,
                                const std::string& role) {
    Framework framework;
    framework.mutable_framework_info()->mutable_id()->set_value(id);
    framework.mutable_framework_info()->set_name(name);
    framework.mutable_framework_info()->set_user("root");
    framework.mutable_framework_info()->add_roles(role);
    framework.set_active(true);
    framework.set_connected(true);
    return framework;
}

inline mesos::v1::TaskStatus make_status(const std::string& task, mesos::v1::TaskState state,
                                         double time, const std::string& message = "") {
    mesos::v1::TaskStatus status;
    status.mutable_task_id()->set_value(task);
    status.set_state(state);
    status.set_timestamp(time);
    if (!message.empty()) status.set_message(message);
    return status;
}

/// A task of framework F on agent S1, half a CPU in role dev, with one status if it is not staging.
inline mesos::v1::Task make_task(const std::string& id, mesos::v1::TaskState state,
                                 double time = 100) {
    mesos::v1::Task task;
    task.mutable_task_id()->set_value(id);
    task.set_name(id + "-name");
    task.mutable_framework_id()->set_value("F");
    task.mutable_agent_id()->set_value("S1");
    task.set_state(state);
    add_scalar(*task.mutable_resources(), "cpus", 0.5, "dev");
    if (state != mesos::v1::TASK_STAGING) *task.add_statuses() = make_status(id, state, time);
    return task;
}

inline Event task_updated(const std::string& task, mesos::v1::TaskState state, double time,
                          const std::string& message = "") {
    Event event;
    event.set_type(Event::TASK_UPDATED);
    event.mutable_task_updated()->mutable_framework_id()->set_value("F");
    *event.mutable_task_updated()->mutable_status() = make_status(task, state, time, message);
    event.mutable_task_updated()->set_state(state);
    return event;
}

inline Event task_added(const mesos::v1::Task& task) {
    Event event;
    event.set_type(Event::TASK_ADDED);
    *event.mutable_task_added()->mutable_task() = task;
    return event;
}

inline Event agent_removed(const std::string& id) {
    Event event;
    event.set_type(Event::AGENT_REMOVED);
    event.mutable_agent_removed()->mutable_agent_id()->set_value(id);
    return event;
}

inline Event framework_updated(const Framework& framework) {
    Event event;
    event.set_type(Event::FRAMEWORK_UPDATED);
    *event.mutable_framework_updated()->mutable_framework() = framework;
    return event;
}

/// A snapshot of agent S1 "box", framework F "web", and these tasks.
inline Event snapshot(std::initializer_list<mesos::v1::Task> tasks) {
    Event event;
    event.set_type(Event::SUBSCRIBED);
    auto* state = event.mutable_subscribed()->mutable_get_state();
    *state->mutable_get_agents()->add_agents() = make_agent("S1", "box");
    *state->mutable_get_frameworks()->add_frameworks() = make_framework("F", "web", "dev");
    for (const auto& task : tasks) {
        const bool ended =
            task.state() == mesos::v1::TASK_FINISHED || task.state() == mesos::v1::TASK_FAILED;
        auto* lists = state->mutable_get_tasks();
        *(ended ? lists->add_completed_tasks() : lists->add_tasks()) = task;
    }
    return event;
}

}  // namespace tepui::cli::testing_cluster
