#include "wire/field_table.h"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

#include <google/protobuf/descriptor.pb.h>

#include "base/assert.h"
#include "wire/base64.h"
#include "wire/json_writer.h"

namespace tepui::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

/// Answers that Mesos writes by hand: their lists are there even when empty. Source: recordings.
constexpr std::array lists_kept_empty{
    std::string_view{"mesos.v1.master.Response.GetAgents"},
    std::string_view{"mesos.v1.master.Response.GetExecutors"},
    std::string_view{"mesos.v1.master.Response.GetFrameworks"},
    std::string_view{"mesos.v1.master.Response.GetTasks"},
    std::string_view{"mesos.v1.agent.Response.GetExecutors"},
    std::string_view{"mesos.v1.agent.Response.GetFrameworks"},
    std::string_view{"mesos.v1.agent.Response.GetTasks"},
};

TextForm text_form_of(std::string_view name) {
    if (name == "mesos.v1.Value.Scalar") return TextForm::scalar;
    if (name == "mesos.v1.DurationInfo") return TextForm::duration_info;
    if (name == "google.protobuf.Duration") return TextForm::google_duration;
    return TextForm::none;
}

void append_default(std::string& out, const FieldDescriptor& field) {
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
            out += std::to_string(field.default_value_int32());
            break;
        case FieldDescriptor::CPPTYPE_INT64:
            out += std::to_string(field.default_value_int64());
            break;
        case FieldDescriptor::CPPTYPE_UINT32:
            out += std::to_string(field.default_value_uint32());
            break;
        case FieldDescriptor::CPPTYPE_UINT64:
            out += std::to_string(field.default_value_uint64());
            break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
            append_json_double(out, field.default_value_double());
            break;
        case FieldDescriptor::CPPTYPE_FLOAT:
            append_json_double(out, field.default_value_float());
            break;
        case FieldDescriptor::CPPTYPE_BOOL:
            out += field.default_value_bool() ? "true" : "false";
            break;
        case FieldDescriptor::CPPTYPE_ENUM:
            append_json_string(out, field.default_value_enum()->name());
            break;
        case FieldDescriptor::CPPTYPE_STRING:
            if (field.type() == FieldDescriptor::TYPE_BYTES) {
                out += '"';
                append_base64(out, field.default_value_string());
                out += '"';
            } else {
                append_json_string(out, field.default_value_string());
            }
            break;
        case FieldDescriptor::CPPTYPE_MESSAGE: break;  // Messages have no defaults.
    }
}

/// Field number and encoding, as they stand before a value. Source: the protobuf encoding guide.
std::uint32_t tag_of(const FieldDescriptor& field) {
    const auto number = static_cast<std::uint32_t>(field.number()) << 3;
    if (field.is_packed()) return number | 2;
    switch (field.type()) {
        case FieldDescriptor::TYPE_DOUBLE:
        case FieldDescriptor::TYPE_FIXED64:
        case FieldDescriptor::TYPE_SFIXED64: return number | 1;
        case FieldDescriptor::TYPE_FLOAT:
        case FieldDescriptor::TYPE_FIXED32:
        case FieldDescriptor::TYPE_SFIXED32: return number | 5;
        case FieldDescriptor::TYPE_STRING:
        case FieldDescriptor::TYPE_BYTES:
        case FieldDescriptor::TYPE_MESSAGE: return number | 2;
        case FieldDescriptor::TYPE_GROUP: TEPUI_ASSERT_WHY(false, "our messages have no groups");
        default: return number;  // Varints.
    }
}

/// Builds the tables of a type and of all that it can hold, and keeps them for ever.
class Registry {
public:
    const MessageTable& get(const Descriptor& descriptor) {
        const std::lock_guard lock(mutex_);
        return build(descriptor);
    }

private:
    const MessageTable& build(const Descriptor& descriptor) {
        auto& slot = messages_[&descriptor];
        if (slot) return *slot;  // Also when it is being built: types may hold themselves.
        slot = std::make_unique<MessageTable>();
        MessageTable& table = *slot;
        table.descriptor = &descriptor;
        table.text_form = text_form_of(descriptor.full_name());
        const bool keep_empty =
            std::ranges::find(lists_kept_empty, descriptor.full_name()) != lists_kept_empty.end();
        TEPUI_ASSERT(static_cast<std::size_t>(descriptor.field_count()) <= fields_max);
        table.fields.reserve(static_cast<std::size_t>(descriptor.field_count()));
        for (int i = 0; i < descriptor.field_count(); ++i)
            table.fields.push_back(entry_of(*descriptor.field(i), keep_empty));
        for (const FieldEntry& entry : table.fields) table.by_name.emplace(entry.name, &entry);
        for (std::size_t i = 0; i < table.fields.size(); ++i) number_field(table, i);
        return table;
    }

    static void number_field(MessageTable& table, std::size_t index) {
        const FieldEntry& entry = table.fields[index];
        const auto number = static_cast<std::size_t>(entry.field->number());
        if (table.by_number.size() <= number) table.by_number.resize(number + 1);
        table.by_number[number] = {entry.tag, static_cast<std::uint16_t>(index),
                                   entry.names != nullptr && !entry.is_packed};
        if (!entry.absent.empty())
            table.written_when_absent[index / 64] |= std::uint64_t{1} << index % 64;
    }

    FieldEntry entry_of(const FieldDescriptor& field, bool keep_empty) {
        FieldEntry entry;
        entry.field = &field;
        entry.type = field.cpp_type();
        entry.repeated = field.is_repeated();
        entry.is_map = field.is_map();
        entry.is_bytes = field.type() == FieldDescriptor::TYPE_BYTES;
        entry.required = field.is_required();
        entry.is_packed = field.is_packed();
        entry.encoding = field.type();
        entry.tag = tag_of(field);
        entry.name = field.name();
        entry.key = ",\"" + field.name() + "\":";
        if (field.has_default_value() && !field.options().deprecated()) {
            entry.absent = entry.key;
            append_default(entry.absent, field);
        } else if (keep_empty && entry.repeated && !field.options().deprecated()) {
            entry.absent = entry.key + "[]";
        }
        if (entry.type == FieldDescriptor::CPPTYPE_MESSAGE)
            entry.message = &build(*field.message_type());
        if (entry.type == FieldDescriptor::CPPTYPE_ENUM)
            entry.names = &names_of(*field.enum_type());
        return entry;
    }

    const EnumTable& names_of(const EnumDescriptor& descriptor) {
        auto& slot = enums_[&descriptor];
        if (!slot) slot = std::make_unique<EnumTable>(descriptor);
        return *slot;
    }

    std::mutex mutex_;
    std::unordered_map<const Descriptor*, std::unique_ptr<MessageTable>> messages_;
    std::unordered_map<const EnumDescriptor*, std::unique_ptr<EnumTable>> enums_;
};

}  // namespace

EnumTable::EnumTable(const EnumDescriptor& descriptor) {
    int last = first_ = descriptor.value(0)->number();
    for (int i = 0; i < descriptor.value_count(); ++i) {
        first_ = std::min(first_, descriptor.value(i)->number());
        last = std::max(last, descriptor.value(i)->number());
    }
    quoted_.resize(static_cast<std::size_t>(last - first_ + 1));
    for (int i = 0; i < descriptor.value_count(); ++i) {
        std::string& quoted =
            quoted_[static_cast<std::size_t>(descriptor.value(i)->number() - first_)];
        if (quoted.empty()) quoted = '"' + descriptor.value(i)->name() + '"';  // The first alias.
    }
}

std::string_view EnumTable::quoted(int number) const {
    if (number < first_) return {};
    const auto index = static_cast<std::size_t>(static_cast<std::int64_t>(number) - first_);
    return index < quoted_.size() ? std::string_view(quoted_[index]) : std::string_view();
}

const FieldEntry* MessageTable::find(std::string_view name) const {
    const auto it = by_name.find(name);
    return it == by_name.end() ? nullptr : it->second;
}

const MessageTable& table_of(const Descriptor& descriptor) {
    // Each thread remembers what it asked for, so that the lock is taken once a thread and type.
    thread_local std::unordered_map<const Descriptor*, const MessageTable*> known;
    const MessageTable*& table = known[&descriptor];
    if (table == nullptr) {
        static Registry& registry = *new Registry;  // Outlives every thread's last message.
        table = &registry.get(descriptor);
    }
    return *table;
}

}  // namespace tepui::wire
