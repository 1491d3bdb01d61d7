#include "daemon/task_json.h"

#include <map>

#include "daemon/resource_json.h"

namespace tepui::daemon {
namespace {

using wire::JsonWriter;

void write_status(JsonWriter& json, const mesos::v1::TaskStatus& status) {
    json.begin_object();
    json.key("state").value(mesos::v1::TaskState_Name(status.state()));
    json.key("timestamp").value(status.timestamp());
    if (status.has_labels()) {
        json.key("labels");
        write_labels(json, status.labels());
    }
    if (status.has_container_status()) {
        const auto& container = status.container_status();
        json.key("container_status").begin_object();
        if (container.has_container_id())
            json.key("container_id").message(container.container_id());
        if (container.network_infos_size() > 0) {
            json.key("network_infos").begin_array();
            for (const auto& info : container.network_infos()) json.message(info);
            json.end_array();
        }
        if (container.has_cgroup_info()) json.key("cgroup_info").message(container.cgroup_info());
        json.end_object();
    }
    if (status.has_healthy()) json.key("healthy").value(status.healthy());
    json.end_object();
}

void write_limits(JsonWriter& json, const mesos::v1::Task& task) {
    const std::map<std::string, mesos::v1::Value::Scalar> sorted(task.limits().begin(),
                                                                 task.limits().end());
    json.begin_object();
    for (const auto& [name, limit] : sorted) {
        json.key(name);
        write_number(json, limit.value());
    }
    json.end_object();
}

}  // namespace

void write_task(JsonWriter& json, const mesos::v1::Task& task) {
    json.begin_object();
    json.key("id").value(task.task_id().value());
    json.key("name").value(task.name());
    json.key("framework_id").value(task.framework_id().value());
    json.key("executor_id").value(task.executor_id().value());
    json.key("slave_id").value(task.agent_id().value());
    json.key("state").value(mesos::v1::TaskState_Name(task.state()));
    json.key("resources");
    write_resources(json, task.resources());
    if (task.limits_size() > 0) {
        json.key("limits");
        write_limits(json, task);
    }
    json.key("role").value(allocation_role(task.resources()));
    json.key("statuses").begin_array();
    for (const auto& status : task.statuses()) write_status(json, status);
    json.end_array();
    if (task.has_user()) json.key("user").value(task.user());
    if (task.has_labels()) {
        json.key("labels");
        write_labels(json, task.labels());
    }
    if (task.has_discovery()) json.key("discovery").message(task.discovery());
    if (task.has_container()) json.key("container").message(task.container());
    if (task.has_health_check()) json.key("health_check").message(task.health_check());
    json.end_object();
}

void write_labels(JsonWriter& json, const mesos::v1::Labels& labels) {
    json.begin_array();
    for (const auto& label : labels.labels()) json.message(label);
    json.end_array();
}

}  // namespace tepui::daemon
