#include "master/snapshot/legacy_json.h"

#include "daemon/resource_json.h"
#include "daemon/task_json.h"

namespace tepui::master {

using wire::JsonWriter;

void write_quantities(JsonWriter& json, const Quantities& quantities) {
    json.begin_object();
    for (const auto& [name, quantity] : quantities) json.key(name).value(quantity.to_double());
    json.end_object();
}

void write_command(JsonWriter& json, const mesos::v1::CommandInfo& command) {
    json.begin_object();
    if (command.has_shell()) json.key("shell").value(command.shell());
    if (command.has_value()) json.key("value").value(command.value());
    json.key("argv").begin_array();
    for (const std::string& argument : command.arguments()) json.value(argument);
    json.end_array();
    if (command.has_environment()) json.key("environment").message(command.environment());
    json.key("uris").begin_array();
    for (const auto& uri : command.uris()) {
        json.begin_object().key("value").value(uri.value());
        json.key("executable").value(uri.executable()).end_object();
    }
    json.end_array();
    json.end_object();
}

void write_offer(JsonWriter& json, const mesos::v1::Offer& offer) {
    json.begin_object();
    json.key("id").value(offer.id().value());
    json.key("framework_id").value(offer.framework_id().value());
    json.key("allocation_info").message(offer.allocation_info());
    json.key("slave_id").value(offer.agent_id().value());
    json.key("resources");
    daemon::write_resources(json, offer.resources());
    json.end_object();
}

void write_executor(JsonWriter& json, const mesos::v1::ExecutorInfo& executor,
                    const std::string& agent_id) {
    json.begin_object();
    json.key("executor_id").value(executor.executor_id().value());
    json.key("name").value(executor.name());
    json.key("framework_id").value(executor.framework_id().value());
    json.key("command");
    write_command(json, executor.command());
    json.key("resources");
    daemon::write_resources(json, executor.resources());
    if (executor.resources_size() > 0)
        json.key("role").value(daemon::allocation_role(executor.resources()));
    if (executor.has_labels()) {
        json.key("labels");
        daemon::write_labels(json, executor.labels());
    }
    if (executor.has_type())
        json.key("type").value(mesos::v1::ExecutorInfo::Type_Name(executor.type()));
    json.key("slave_id").value(agent_id);
    json.end_object();
}

}  // namespace tepui::master
