#include "resources/attributes.h"

#include "resources/value_text.h"

namespace tepui {

namespace {

using mesos::v1::Attribute;

void set_value(Attribute& attribute, const TextValue& value) {
    if (const auto* number = std::get_if<double>(&value)) {
        attribute.set_type(mesos::v1::Value::SCALAR);
        attribute.mutable_scalar()->set_value(*number);
    } else if (const auto* ranges = std::get_if<Ranges>(&value)) {
        attribute.set_type(mesos::v1::Value::RANGES);
        attribute.mutable_ranges();
        for (const auto& range : ranges->list) {
            auto* added = attribute.mutable_ranges()->add_range();
            added->set_begin(range.begin);
            added->set_end(range.end);
        }
    } else if (const auto* items = std::get_if<std::set<std::string>>(&value)) {
        attribute.set_type(mesos::v1::Value::SET);
        attribute.mutable_set();
        for (const auto& item : *items) attribute.mutable_set()->add_item(item);
    } else {
        attribute.set_type(mesos::v1::Value::TEXT);
        attribute.mutable_text()->set_value(std::get<std::string>(value));
    }
}

Result<Attribute> parse_attribute(std::string_view term) {
    const auto colon = term.find(':');
    const auto name = trim(term.substr(0, colon));
    if (colon == std::string_view::npos || name.empty()) {
        return fail(Errc::invalid_argument, "attribute '{}': expected NAME:VALUE", term);
    }
    const auto value = parse_value(term.substr(colon + 1));
    if (!value) return fail_with(fmt::format("attribute '{}'", name), value.error());
    Attribute attribute;
    attribute.set_name(std::string(name));
    set_value(attribute, *value);
    return attribute;
}

}  // namespace

Result<AttributeList> parse_attributes(std::string_view text) {
    AttributeList list;
    for (;;) {
        const auto end = text.find(';');
        const auto term = trim(text.substr(0, end));
        if (!term.empty()) *list.Add() = TEPUI_TRY(parse_attribute(term));
        if (end == std::string_view::npos) return list;
        text.remove_prefix(end + 1);
    }
}

}  // namespace tepui
