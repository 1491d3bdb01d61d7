#include "agent/routes/resource_json.h"

#include <set>

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

std::string range_text(const v1::Value::Ranges& ranges) {
    std::string text;
    for (const v1::Value::Range& range : ranges.range()) {
        if (!text.empty()) text += ", ";
        text += fmt::format("{}-{}", range.begin(), range.end());
    }
    return "[" + text + "]";
}

std::string range_text(const Ranges& ranges) {
    std::string text;
    for (const Ranges::Range& range : ranges.list) {
        if (!text.empty()) text += ", ";
        text += fmt::format("{}-{}", range.begin, range.end);
    }
    return "[" + text + "]";
}

template <typename Items>
std::string set_text(const Items& items) {
    std::string text;
    for (const std::string& item : items) {
        if (!text.empty()) text += ", ";
        text += item;
    }
    return "{" + text + "}";
}

void write_kind(wire::JsonWriter& json, const Resources& resources, const std::string& suffix,
                bool usual) {
    std::set<std::string> scalars;
    if (usual) scalars = {"disk", "mem", "gpus", "cpus"};
    std::set<std::string> ranges;
    std::map<std::string, std::set<std::string>> sets;
    for (const v1::Resource& resource : resources.to_proto()) {
        if (resource.type() == v1::Value::SCALAR) scalars.insert(resource.name());
        if (resource.type() == v1::Value::RANGES) ranges.insert(resource.name());
        if (resource.type() == v1::Value::SET) {
            sets[resource.name()].insert(resource.set().item().begin(),
                                         resource.set().item().end());
        }
    }
    for (const std::string& name : scalars) {
        json.key(name + suffix).value(resources.scalar(name).to_double());
    }
    for (const std::string& name : ranges) {
        json.key(name + suffix).value(range_text(resources.ranges(name)));
    }
    for (const auto& [name, items] : sets) json.key(name + suffix).value(set_text(items));
}

v1::Resource with_both_forms(v1::Resource resource) {
    // The fields of old are deprecated for writers of the wire, but these endpoints show them.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
    if (resource.reservations_size() == 0) {
        resource.set_role("*");
    } else if (resource.reservations_size() == 1) {
        const v1::Resource::ReservationInfo& last = resource.reservations(0);
        resource.set_role(last.role());
        if (last.type() == v1::Resource::ReservationInfo::DYNAMIC) {
            v1::Resource::ReservationInfo& old = *resource.mutable_reservation();
            if (last.has_principal()) old.set_principal(last.principal());
            if (last.has_labels()) *old.mutable_labels() = last.labels();
        }
    }
#pragma clang diagnostic pop
    return resource;
}

}  // namespace

Resources read_resources(const ResourceList& list) {
    return Resources::parse(list).value_or(Resources{});
}

void write_resources(wire::JsonWriter& json, const Resources& resources) {
    json.begin_object();
    write_kind(json, resources.nonrevocable(), "", true);
    write_kind(json, resources.revocable(), "_revocable", false);
    json.end_object();
}

void write_reserved(wire::JsonWriter& json, const Resources& resources) {
    json.begin_object();
    for (const std::string& role : resources.reserved_roles()) {
        json.key(role);
        write_resources(json, resources.reserved_for(role));
    }
    json.end_object();
}

void write_full(wire::JsonWriter& json, const Resources& resources) {
    json.begin_array();
    for (const v1::Resource& resource : resources.to_proto()) {
        json.message(with_both_forms(resource));
    }
    json.end_array();
}

void write_reserved_full(wire::JsonWriter& json, const Resources& resources) {
    json.begin_object();
    for (const std::string& role : resources.reserved_roles()) {
        json.key(role);
        write_full(json, resources.reserved_for(role));
    }
    json.end_object();
}

void write_attributes(wire::JsonWriter& json,
                      const google::protobuf::RepeatedPtrField<v1::Attribute>& attributes) {
    json.begin_object();
    for (const v1::Attribute& attribute : attributes) {
        json.key(attribute.name());
        switch (attribute.type()) {
            case v1::Value::SCALAR: json.value(attribute.scalar().value()); break;
            case v1::Value::RANGES: json.value(range_text(attribute.ranges())); break;
            case v1::Value::SET: json.value(set_text(attribute.set().item())); break;
            case v1::Value::TEXT: json.value(attribute.text().value()); break;
        }
    }
    json.end_object();
}

}  // namespace tepui::agent
