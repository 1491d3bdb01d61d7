#include "master/snapshot/legacy_json.h"

#include <cmath>

namespace tepui::master {
namespace {

using wire::JsonWriter;

std::string ranges_text(std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> merged;
    for (const auto& [begin, end] : ranges) {
        if (!merged.empty() &&
            (begin <= merged.back().second || begin - 1 == merged.back().second)) {
            merged.back().second = std::max(merged.back().second, end);
        } else {
            merged.emplace_back(begin, end);
        }
    }
    std::string text = "[";
    for (const auto& [begin, end] : merged)
        text += fmt::format("{}{}-{}", text.size() > 1 ? ", " : "", begin, end);
    return text + "]";
}

std::string set_text(const std::set<std::string>& items) {
    std::string text = "{";
    for (const std::string& item : items) text += (text.size() > 1 ? ", " : "") + item;
    return text + "}";
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs_of(
    const mesos::v1::Value::Ranges& ranges) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs;
    for (const auto& range : ranges.range()) pairs.emplace_back(range.begin(), range.end());
    return pairs;
}

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

void write_number(JsonWriter& json, double number) {
    if (std::isfinite(number)) {
        json.value(number);
    } else {
        json.value(std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
    }
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

void write_resources(JsonWriter& json, const ResourceList& resources) {
    std::map<std::string, Quantity, std::less<>> scalars{
        {"cpus", {}}, {"gpus", {}}, {"mem", {}}, {"disk", {}}};
    std::map<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>> ranges;
    std::map<std::string, std::set<std::string>> sets;
    for (const auto& resource : resources) {
        const std::string name =
            resource.has_revocable() ? resource.name() + "_revocable" : resource.name();
        switch (resource.type()) {
            case mesos::v1::Value::SCALAR:
                scalars[name] += Quantity::from_double(resource.scalar().value());
                break;
            case mesos::v1::Value::RANGES:
                for (const auto& pair : pairs_of(resource.ranges())) ranges[name].push_back(pair);
                break;
            case mesos::v1::Value::SET:
                sets[name].insert(resource.set().item().begin(), resource.set().item().end());
                break;
            default: break;
        }
    }
    json.begin_object();
    for (const auto& [name, quantity] : scalars) json.key(name).value(quantity.to_double());
    for (const auto& [name, pairs] : ranges) json.key(name).value(ranges_text(pairs));
    for (const auto& [name, items] : sets) json.key(name).value(set_text(items));
    json.end_object();
}

void write_full_resources(JsonWriter& json, const Resources& resources) {
    json.begin_array();
    for (const auto& resource : resources.to_proto()) json.message(endpoint_resource(resource));
    json.end_array();
}

void write_quantities(JsonWriter& json, const Quantities& quantities) {
    json.begin_object();
    for (const auto& [name, quantity] : quantities) json.key(name).value(quantity.to_double());
    json.end_object();
}

void write_attributes(JsonWriter& json,
                      const google::protobuf::RepeatedPtrField<mesos::v1::Attribute>& attributes) {
    // The last of a name wins: names are keys here.
    std::map<std::string, const mesos::v1::Attribute*> by_name;
    for (const auto& attribute : attributes) by_name[attribute.name()] = &attribute;
    json.begin_object();
    for (const auto& [name, attribute] : by_name) {
        switch (attribute->type()) {
            case mesos::v1::Value::SCALAR:
                json.key(name);
                write_number(json, attribute->scalar().value());
                break;
            case mesos::v1::Value::RANGES:
                json.key(name).value(ranges_text(pairs_of(attribute->ranges())));
                break;
            case mesos::v1::Value::SET:
                json.key(name).value(
                    set_text({attribute->set().item().begin(), attribute->set().item().end()}));
                break;
            default: json.key(name).value(attribute->text().value()); break;
        }
    }
    json.end_object();
}

void write_labels(JsonWriter& json, const mesos::v1::Labels& labels) {
    json.begin_array();
    for (const auto& label : labels.labels()) json.message(label);
    json.end_array();
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

void write_offer(JsonWriter& json, const mesos::v1::Offer& offer) {
    json.begin_object();
    json.key("id").value(offer.id().value());
    json.key("framework_id").value(offer.framework_id().value());
    json.key("allocation_info").message(offer.allocation_info());
    json.key("slave_id").value(offer.agent_id().value());
    json.key("resources");
    write_resources(json, offer.resources());
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
    write_resources(json, executor.resources());
    if (executor.resources_size() > 0)
        json.key("role").value(allocation_role(executor.resources()));
    if (executor.has_labels()) {
        json.key("labels");
        write_labels(json, executor.labels());
    }
    if (executor.has_type())
        json.key("type").value(mesos::v1::ExecutorInfo::Type_Name(executor.type()));
    json.key("slave_id").value(agent_id);
    json.end_object();
}

mesos::v1::Resource endpoint_resource(mesos::v1::Resource resource) {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // The older form is the point.
    if (resource.reservations_size() > 1) return resource;
    if (resource.reservations_size() == 0) {
        resource.set_role("*");
        return resource;
    }
    const mesos::v1::Resource::ReservationInfo& only = resource.reservations(0);
    resource.set_role(only.role());
    if (only.type() == mesos::v1::Resource::ReservationInfo::DYNAMIC) {
        auto* reservation = resource.mutable_reservation();
        if (only.has_principal()) reservation->set_principal(only.principal());
        if (only.has_labels()) *reservation->mutable_labels() = only.labels();
    }
    return resource;
#pragma clang diagnostic pop
}

const std::string& allocation_role(const ResourceList& resources) {
    static const std::string none = "*";
    for (const auto& resource : resources) {
        if (resource.has_allocation_info()) return resource.allocation_info().role();
    }
    return none;
}

}  // namespace tepui::master
