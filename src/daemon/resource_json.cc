#include "daemon/resource_json.h"

#include <cmath>

#include "resources/value_text.h"

namespace tepui::daemon {
namespace {

using wire::JsonWriter;

std::string ranges_text(const mesos::v1::Value::Ranges& message) {
    Ranges ranges;
    for (const auto& range : message.range()) ranges.list.push_back({range.begin(), range.end()});
    normalize(ranges);
    return tepui::to_string(ranges);
}

}  // namespace

void write_resources(JsonWriter& json, const Resources& resources) {
    std::map<std::string, Quantity> scalars{{"cpus", {}}, {"disk", {}}, {"gpus", {}}, {"mem", {}}};
    std::map<std::string, std::string> texts;
    for (Resources::Total& total : resources.totals()) {
        if (total.revocable) total.name += "_revocable";
        if (total.is_scalar) {
            scalars[std::move(total.name)] += total.scalar;
        } else {
            texts[std::move(total.name)] = std::move(total.text);
        }
    }
    json.begin_object();
    for (const auto& [name, quantity] : scalars) json.key(name).value(quantity.to_double());
    for (const auto& [name, text] : texts) json.key(name).value(text);
    json.end_object();
}

void write_resources(JsonWriter& json, const ResourceList& resources) {
    write_resources(json, Resources::parse(resources).value_or(Resources{}));
}

void write_reserved(JsonWriter& json, const Resources& resources) {
    json.begin_object();
    for (const std::string& role : resources.reserved_roles()) {
        json.key(role);
        write_resources(json, resources.reserved_for(role));
    }
    json.end_object();
}

void write_full_resources(JsonWriter& json, const Resources& resources) {
    json.begin_array();
    for (const auto& resource : resources.to_proto_endpoint()) json.message(resource);
    json.end_array();
}

void write_full_reserved(JsonWriter& json, const Resources& resources) {
    json.begin_object();
    for (const std::string& role : resources.reserved_roles()) {
        json.key(role);
        write_full_resources(json, resources.reserved_for(role));
    }
    json.end_object();
}

void write_attributes(JsonWriter& json, const AttributeList& attributes) {
    std::map<std::string, const mesos::v1::Attribute*> by_name;
    for (const auto& attribute : attributes) by_name[attribute.name()] = &attribute;
    json.begin_object();
    for (const auto& [name, attribute] : by_name) {
        json.key(name);
        switch (attribute->type()) {
            case mesos::v1::Value::SCALAR: write_number(json, attribute->scalar().value()); break;
            case mesos::v1::Value::RANGES: json.value(ranges_text(attribute->ranges())); break;
            case mesos::v1::Value::SET: {
                const auto& items = attribute->set().item();
                json.value(tepui::to_string(std::set<std::string>(items.begin(), items.end())));
                break;
            }
            default: json.value(attribute->text().value()); break;
        }
    }
    json.end_object();
}

void write_number(JsonWriter& json, double number) {
    if (std::isfinite(number)) {
        json.value(number);
    } else {
        json.value(std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
    }
}

const std::string& allocation_role(const ResourceList& resources) {
    static const std::string none = "*";
    for (const auto& resource : resources) {
        if (resource.has_allocation_info()) return resource.allocation_info().role();
    }
    return none;
}

}  // namespace tepui::daemon
