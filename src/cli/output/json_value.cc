#include "cli/output/json_value.h"

#include <cstdlib>

#include <simdjson.h>

#include "wire/json_writer.h"

namespace tepui::cli {

namespace {

using simdjson::dom::element_type;

/// simdjson refuses nesting beyond 1,024, which bounds this recursion.
JsonValue convert(const simdjson::dom::element& element) {
    JsonValue value;
    switch (element.type()) {
        case element_type::NULL_VALUE: break;
        case element_type::BOOL:
            value.kind = JsonValue::Kind::boolean;
            value.text = element.get_bool().value_unsafe() ? "true" : "false";
            break;
        case element_type::INT64:
            value.kind = JsonValue::Kind::number;
            value.text = std::to_string(element.get_int64().value_unsafe());
            break;
        case element_type::UINT64:
            value.kind = JsonValue::Kind::number;
            value.text = std::to_string(element.get_uint64().value_unsafe());
            break;
        case element_type::DOUBLE:
            value.kind = JsonValue::Kind::number;
            wire::append_json_double(value.text, element.get_double().value_unsafe());
            break;
        case element_type::STRING:
            value.kind = JsonValue::Kind::string;
            value.text = std::string(element.get_string().value_unsafe());
            break;
        case element_type::ARRAY:
            value.kind = JsonValue::Kind::array;
            for (const auto item : element.get_array().value_unsafe()) {
                value.items.push_back(convert(item));
            }
            break;
        case element_type::OBJECT:
            value.kind = JsonValue::Kind::object;
            for (const auto member : element.get_object().value_unsafe()) {
                value.names.emplace_back(member.key);
                value.items.push_back(convert(member.value));
            }
            break;
    }
    return value;
}

void write(const JsonValue& value, std::string& out) {
    const bool object = value.kind == JsonValue::Kind::object;
    switch (value.kind) {
        case JsonValue::Kind::null: out += "null"; return;
        case JsonValue::Kind::boolean:
        case JsonValue::Kind::number: out += value.text; return;
        case JsonValue::Kind::string: wire::append_json_string(out, value.text); return;
        case JsonValue::Kind::array:
        case JsonValue::Kind::object: break;
    }
    out += object ? '{' : '[';
    for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (i > 0) out += ',';
        if (object) {
            wire::append_json_string(out, value.names[i]);
            out += ':';
        }
        write(value.items[i], out);
    }
    out += object ? '}' : ']';
}

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
    if (kind != Kind::object) return nullptr;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return &items[i];
    }
    return nullptr;
}

std::string JsonValue::text_of(std::string_view name) const {
    const JsonValue* member = find(name);
    return member == nullptr ? "" : member->text;
}

double JsonValue::number_of(std::string_view name) const {
    const JsonValue* member = find(name);
    if (member == nullptr || member->kind != Kind::number) return 0;
    return std::strtod(member->text.c_str(), nullptr);
}

Result<JsonValue> parse_json(std::string_view json) {
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    const simdjson::padded_string padded(json);
    if (const auto error = parser.parse(padded).get(document)) {
        return fail(Errc::corrupt, "this is no JSON: {}", simdjson::error_message(error));
    }
    return convert(document);
}

std::string to_json(const JsonValue& value) {
    std::string out;
    write(value, out);
    return out;
}

}  // namespace tepui::cli
