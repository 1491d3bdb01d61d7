#include "containerizer/docker/settings.h"

#include "base/overloaded.h"
#include "wire/json_writer.h"

namespace tepui::containerizer::docker {
namespace {

using wire::JsonWriter;

void write(JsonWriter& json, const Texts& texts) {
    json.begin_array();
    for (const std::string& text : texts) json.value(text);
    json.end_array();
}

void write(JsonWriter& json, const TextMap& map) {
    json.begin_object();
    for (const auto& [name, text] : map) json.key(name).value(text);
    json.end_object();
}

void write_members(JsonWriter& json, const Fields& fields) {
    for (const auto& [name, field] : fields) {
        json.key(name);
        std::visit(Overloaded{
                       [&](bool value) { json.value(value); },
                       [&](std::int64_t value) { json.value(value); },
                       [&](const std::string& value) { json.value(value); },
                       [&](const Texts& value) { write(json, value); },
                       [&](const TextMap& value) { write(json, value); },
                   },
                   field);
    }
}

void write_ports(JsonWriter& json, const std::vector<PortBinding>& ports) {
    std::map<std::string, std::vector<PortBinding>> by_port;
    for (const PortBinding& port : ports) by_port[port.container].push_back(port);
    json.key("PortBindings").begin_object();
    for (const auto& [container, bindings] : by_port) {
        json.key(container).begin_array();
        for (const PortBinding& each : bindings) {
            if (each.host.empty()) continue;  // Only exposed.
            json.begin_object().key("HostIp").value(each.ip).key("HostPort").value(each.host);
            json.end_object();
        }
        json.end_array();
    }
    json.end_object();
}

void write_volumes(JsonWriter& json, const std::vector<DriverVolume>& volumes) {
    json.key("Mounts").begin_array();
    for (const DriverVolume& volume : volumes) {
        json.begin_object().key("Type").value("volume").key("Source").value(volume.name);
        json.key("Target").value(volume.target).key("ReadOnly").value(volume.read_only);
        if (!volume.driver.empty()) {
            json.key("VolumeOptions").begin_object().key("DriverConfig").begin_object();
            json.key("Name").value(volume.driver).key("Options");
            write(json, volume.options);
            json.end_object().end_object();
        }
        json.end_object();
    }
    json.end_array();
}

void write_host(JsonWriter& json, const Settings& settings) {
    json.key("HostConfig").begin_object();
    write_members(json, settings.host);
    if (!settings.ports.empty()) write_ports(json, settings.ports);
    if (!settings.volumes.empty()) write_volumes(json, settings.volumes);
    if (!settings.ulimits.empty()) {
        json.key("Ulimits").begin_array();
        for (const Ulimit& each : settings.ulimits)
            json.begin_object()
                .key("Name")
                .value(each.name)
                .key("Soft")
                .value(each.soft)
                .key("Hard")
                .value(each.hard)
                .end_object();
        json.end_array();
    }
    if (!settings.devices.empty()) {
        json.key("Devices").begin_array();
        for (const DeviceMapping& each : settings.devices)
            json.begin_object()
                .key("PathOnHost")
                .value(each.host)
                .key("PathInContainer")
                .value(each.container)
                .key("CgroupPermissions")
                .value(each.permissions)
                .end_object();
        json.end_array();
    }
    if (!settings.log_driver.empty() || !settings.log_options.empty()) {
        json.key("LogConfig").begin_object().key("Type").value(settings.log_driver).key("Config");
        write(json, settings.log_options);
        json.end_object();
    }
    json.end_object();
}

void write_network(JsonWriter& json, const Settings& settings) {
    if (settings.network_name.empty() || settings.network.empty()) return;
    json.key("NetworkingConfig").begin_object().key("EndpointsConfig").begin_object();
    json.key(settings.network_name).begin_object();
    Fields addresses;
    for (const auto& [name, field] : settings.network) {
        if (name == "Aliases")
            write_members(json, {{name, field}});
        else
            addresses.emplace(name, field);
    }
    if (!addresses.empty()) {
        json.key("IPAMConfig").begin_object();
        write_members(json, addresses);
        json.end_object();
    }
    json.end_object().end_object().end_object();
}

}  // namespace

std::string encode_settings(const Settings& settings) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    write_members(json, settings.config);
    if (!settings.ports.empty()) {
        json.key("ExposedPorts").begin_object();
        std::map<std::string, bool> once;
        for (const PortBinding& port : settings.ports) once[port.container] = true;
        for (const auto& [port, exposed] : once) json.key(port).begin_object().end_object();
        json.end_object();
    }
    write_host(json, settings);
    write_network(json, settings);
    json.end_object();
    return out;
}

}  // namespace tepui::containerizer::docker
