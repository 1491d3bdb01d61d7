// Messages to JSON: one walk over the field tables, appending to the caller's string.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "wire/base64.h"
#include "wire/field_table.h"
#include "wire/json.h"
#include "wire/json_writer.h"

namespace tepui::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void append_message(std::string& out, const Message& message, const MessageTable& table);

template <typename Integer>
void append_integer(std::string& out, Integer number) {
    char text[24];
    out.append(text, std::to_chars(text, std::end(text), number).ptr);
}

/// A float goes through its own shortest text, so that 0.1f is written as 0.1.
void append_float(std::string& out, float number) {
    char text[24];
    double widened = number;
    if (std::isfinite(number)) {
        const auto end = std::to_chars(text, std::end(text), number).ptr;
        std::from_chars(text, end, widened);
    }
    append_json_double(out, widened);
}

/// A number without a name can't come from the parser, only from a careless setter; it is written
/// as a number, which readers ignore as an unknown name.
void append_enum(std::string& out, int number, const EnumTable& names) {
    const std::string_view quoted = names.quoted(number);
    if (quoted.empty()) return append_integer(out, number);
    out.append(quoted);
}

void append_text(std::string& out, std::string_view text, bool is_bytes) {
    if (!is_bytes) return append_json_string(out, text);
    out.push_back('"');
    append_base64(out, text);
    out.push_back('"');
}

void append_one(std::string& out, const Message& message, const Reflection& reflection,
                const FieldEntry& entry) {
    const FieldDescriptor* field = entry.field;
    switch (entry.type) {
        case FieldDescriptor::CPPTYPE_INT32:
            return append_integer(out, reflection.GetInt32(message, field));
        case FieldDescriptor::CPPTYPE_INT64:
            return append_integer(out, reflection.GetInt64(message, field));
        case FieldDescriptor::CPPTYPE_UINT32:
            return append_integer(out, reflection.GetUInt32(message, field));
        case FieldDescriptor::CPPTYPE_UINT64:
            return append_integer(out, reflection.GetUInt64(message, field));
        case FieldDescriptor::CPPTYPE_DOUBLE:
            return append_json_double(out, reflection.GetDouble(message, field));
        case FieldDescriptor::CPPTYPE_FLOAT:
            return append_float(out, reflection.GetFloat(message, field));
        case FieldDescriptor::CPPTYPE_BOOL:
            out.append(reflection.GetBool(message, field) ? "true" : "false");
            return;
        case FieldDescriptor::CPPTYPE_ENUM:
            return append_enum(out, reflection.GetEnumValue(message, field), *entry.names);
        case FieldDescriptor::CPPTYPE_STRING: {
            std::string scratch;
            return append_text(out, reflection.GetStringReference(message, field, &scratch),
                               entry.is_bytes);
        }
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return append_message(out, reflection.GetMessage(message, field), *entry.message);
    }
}

void append_element(std::string& out, const Message& message, const Reflection& reflection,
                    const FieldEntry& entry, int i) {
    const FieldDescriptor* field = entry.field;
    switch (entry.type) {
        case FieldDescriptor::CPPTYPE_INT32:
            return append_integer(out, reflection.GetRepeatedInt32(message, field, i));
        case FieldDescriptor::CPPTYPE_INT64:
            return append_integer(out, reflection.GetRepeatedInt64(message, field, i));
        case FieldDescriptor::CPPTYPE_UINT32:
            return append_integer(out, reflection.GetRepeatedUInt32(message, field, i));
        case FieldDescriptor::CPPTYPE_UINT64:
            return append_integer(out, reflection.GetRepeatedUInt64(message, field, i));
        case FieldDescriptor::CPPTYPE_DOUBLE:
            return append_json_double(out, reflection.GetRepeatedDouble(message, field, i));
        case FieldDescriptor::CPPTYPE_FLOAT:
            return append_float(out, reflection.GetRepeatedFloat(message, field, i));
        case FieldDescriptor::CPPTYPE_BOOL:
            out.append(reflection.GetRepeatedBool(message, field, i) ? "true" : "false");
            return;
        case FieldDescriptor::CPPTYPE_ENUM:
            return append_enum(out, reflection.GetRepeatedEnumValue(message, field, i),
                               *entry.names);
        case FieldDescriptor::CPPTYPE_STRING: {
            std::string scratch;
            return append_text(out,
                               reflection.GetRepeatedStringReference(message, field, i, &scratch),
                               entry.is_bytes);
        }
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return append_message(out, reflection.GetRepeatedMessage(message, field, i),
                                  *entry.message);
    }
}

/// Maps become objects. Entries come out of the hash map in no order, so they are sorted by key:
/// the same message is always the same text.
void append_map(std::string& out, const Message& message, const Reflection& reflection,
                const FieldEntry& entry, int size) {
    const FieldEntry& key_entry = entry.message->fields[0];
    const FieldEntry& value_entry = entry.message->fields[1];
    std::vector<std::pair<std::string, const Message*>> sorted;
    sorted.reserve(static_cast<std::size_t>(size));
    for (int i = 0; i < size; ++i) {
        const Message& pair = reflection.GetRepeatedMessage(message, entry.field, i);
        std::string key;
        append_one(key, pair, *pair.GetReflection(), key_entry);
        if (key.empty() || key.front() != '"') key = '"' + key + '"';  // Numbers and booleans.
        sorted.emplace_back(std::move(key), &pair);
    }
    std::ranges::sort(sorted, {}, &std::pair<std::string, const Message*>::first);
    char separator = '{';
    for (const auto& [key, pair] : sorted) {
        out.push_back(separator);
        out.append(key);
        out.push_back(':');
        append_one(out, *pair, *pair->GetReflection(), value_entry);
        separator = ',';
    }
    out.push_back('}');
}

void append_list(std::string& out, const Message& message, const Reflection& reflection,
                 const FieldEntry& entry) {
    const int size = reflection.FieldSize(message, entry.field);
    if (size == 0) {
        if (entry.keep_empty) out.append(entry.key).append("[]");
        return;
    }
    out.append(entry.key);
    if (entry.is_map) return append_map(out, message, reflection, entry, size);
    for (int i = 0; i < size; ++i) {
        out.push_back(i == 0 ? '[' : ',');
        append_element(out, message, reflection, entry, i);
    }
    out.push_back(']');
}

void append_message(std::string& out, const Message& message, const MessageTable& table) {
    const Reflection& reflection = *message.GetReflection();
    const std::size_t start = out.size();
    // Every field brings its own comma; the first one is turned into the brace afterwards.
    for (const FieldEntry& entry : table.fields) {
        if (entry.repeated) {
            append_list(out, message, reflection, entry);
        } else if (reflection.HasField(message, entry.field)) {
            out.append(entry.key);
            append_one(out, message, reflection, entry);
        } else {
            out.append(entry.absent);
        }
    }
    if (out.size() == start) {
        out.push_back('{');
    } else {
        out[start] = '{';
    }
    out.push_back('}');
}

}  // namespace

void message_to_json(const Message& message, std::string& out) {
    append_message(out, message, table_of(*message.GetDescriptor()));
}

std::string message_to_json(const Message& message) {
    std::string out;
    message_to_json(message, out);
    return out;
}

}  // namespace tepui::wire
