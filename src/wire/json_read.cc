// JSON to messages. simdjson checks and indexes the whole text first (without recursion); then one
// walk over the result fills the message. The walk is as deep as the text, which the limit bounds.

#include <limits>
#include <map>
#include <utility>

#include <simdjson.h>

#include "base/time.h"
#include "wire/base64.h"
#include "wire/field_table.h"
#include "wire/json.h"
#include "wire/json_number.h"
#include "wire/required.h"

namespace tepui::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using simdjson::dom::element;
using simdjson::dom::element_type;

/// Where we are in the document. Nodes live on the stack of the walk; only errors render them.
struct Path {
    const Path* parent = nullptr;
    std::string_view name;
    std::ptrdiff_t index = -1;  // Of an element in the list `name`; -1 for the field itself.

    void append_to(std::string& text) const {
        if (parent != nullptr) {
            parent->append_to(text);
            text += '.';
        }
        text += name;
        if (index >= 0) fmt::format_to(std::back_inserter(text), "[{}]", index);
    }
};

template <typename... Args>
std::unexpected<Error> fail_at(const Path& path, fmt::format_string<Args...> format,
                               Args&&... args) {
    std::string text;
    path.append_to(text);
    text += ": ";
    fmt::format_to(std::back_inserter(text), format, std::forward<Args>(args)...);
    return std::unexpected<Error>(Error{Errc::invalid_argument, std::move(text)});
}

std::string_view kind_of(const element& value) {
    switch (value.type()) {
        case element_type::ARRAY: return "an array";
        case element_type::OBJECT: return "an object";
        case element_type::STRING: return "a string";
        case element_type::BOOL: return "a boolean";
        case element_type::NULL_VALUE: return "null";
        default: return "a number";
    }
}

/// A place for one value: the field itself, or one more element of a list.
struct Slot {
    Message& message;
    const Reflection& reflection;
    const FieldEntry& entry;

    Slot(Message& owner, const FieldEntry& field)
        : message(owner), reflection(*owner.GetReflection()), entry(field) {}

#define TEPUI_PUT(name, Type, Suffix)                                        \
    void name(Type value) {                                                  \
        if (entry.repeated) {                                                \
            reflection.Add##Suffix(&message, entry.field, std::move(value)); \
        } else {                                                             \
            reflection.Set##Suffix(&message, entry.field, std::move(value)); \
        }                                                                    \
    }
    TEPUI_PUT(put, std::int32_t, Int32)
    TEPUI_PUT(put, std::int64_t, Int64)
    TEPUI_PUT(put, std::uint32_t, UInt32)
    TEPUI_PUT(put, std::uint64_t, UInt64)
    TEPUI_PUT(put, double, Double)
    TEPUI_PUT(put, float, Float)
    TEPUI_PUT(put, bool, Bool)
    TEPUI_PUT(put, std::string, String)
    TEPUI_PUT(put, const google::protobuf::EnumValueDescriptor*, Enum)
#undef TEPUI_PUT

    Message& sub_message() {
        return entry.repeated ? *reflection.AddMessage(&message, entry.field)
                              : *reflection.MutableMessage(&message, entry.field);
    }
};

class Reader {
public:
    Result<void> read_object(simdjson::dom::object object, Message& message,
                             const MessageTable& table, const Path* parent) {
        for (const auto [name, value] : object) {
            const FieldEntry* entry = table.find(name);
            if (entry == nullptr) continue;
            clear(message, *entry);  // Of a name that comes twice the last one counts.
            if (value.is_null()) continue;
            TEPUI_CHECK_OK(read_field(value, message, *entry, Path{parent, entry->name}));
        }
        return {};
    }

private:
    static void clear(Message& message, const FieldEntry& entry) {
        const Reflection& reflection = *message.GetReflection();
        const bool set = entry.repeated ? reflection.FieldSize(message, entry.field) > 0
                                        : reflection.HasField(message, entry.field);
        if (set) [[unlikely]]
            reflection.ClearField(&message, entry.field);
    }

    Result<void> read_field(const element& value, Message& message, const FieldEntry& entry,
                            const Path& path) {
        Slot slot(message, entry);
        if (entry.is_map) return read_map(value, slot, path);
        if (!value.is_array()) return read_one(value, slot, path);
        if (!entry.repeated) return fail_at(path, "expected one value, found an array");
        std::ptrdiff_t index = 0;
        for (const element item : value.get_array().value_unsafe()) {
            const Path item_path{path.parent, path.name, index++};
            if (item.is_null()) continue;
            TEPUI_CHECK_OK(read_one(item, slot, item_path));
        }
        return {};
    }

    /// Reads a value that is neither null nor the array of a list.
    Result<void> read_one(const element& value, Slot& slot, const Path& path) {
        switch (slot.entry.type) {
            case FieldDescriptor::CPPTYPE_INT32:
                return read_integer<std::int32_t>(value, slot, path);
            case FieldDescriptor::CPPTYPE_INT64:
                return read_integer<std::int64_t>(value, slot, path);
            case FieldDescriptor::CPPTYPE_UINT32:
                return read_integer<std::uint32_t>(value, slot, path);
            case FieldDescriptor::CPPTYPE_UINT64:
                return read_integer<std::uint64_t>(value, slot, path);
            case FieldDescriptor::CPPTYPE_DOUBLE:
                slot.put(TEPUI_TRY(to_double(value, path)));
                return {};
            case FieldDescriptor::CPPTYPE_FLOAT:
                slot.put(static_cast<float>(TEPUI_TRY(to_double(value, path))));
                return {};
            case FieldDescriptor::CPPTYPE_BOOL: return read_bool(value, slot, path);
            case FieldDescriptor::CPPTYPE_ENUM: return read_enum(value, slot, path);
            case FieldDescriptor::CPPTYPE_STRING: return read_text(value, slot, path);
            case FieldDescriptor::CPPTYPE_MESSAGE: return read_message(value, slot, path);
        }
        return fail_at(path, "has a type that JSON can't carry");
    }

    template <typename Integer>
    Result<void> read_integer(const element& value, Slot& slot, const Path& path) {
        std::optional<Integer> number;
        switch (value.type()) {
            case element_type::INT64:
                number = fit<Integer>(value.get_int64().value_unsafe());
                break;
            case element_type::UINT64:
                number = fit<Integer>(value.get_uint64().value_unsafe());
                break;
            case element_type::DOUBLE:
                number = whole_number<Integer>(value.get_double().value_unsafe());
                break;
            case element_type::STRING:
                number = parse_integer<Integer>(value.get_string().value_unsafe());
                break;
            default: return fail_at(path, "expected a whole number, found {}", kind_of(value));
        }
        if (!number) {
            return fail_at(path, "expected a whole number from {} to {}",
                           std::numeric_limits<Integer>::min(),
                           std::numeric_limits<Integer>::max());
        }
        slot.put(*number);
        return {};
    }

    template <typename Integer, typename From>
    static std::optional<Integer> fit(From number) {
        if (!std::in_range<Integer>(number)) return std::nullopt;
        return static_cast<Integer>(number);
    }

    static Result<double> to_double(const element& value, const Path& path) {
        if (value.is_number()) return value.get_double().value_unsafe();
        if (!value.is_string()) return fail_at(path, "expected a number, found {}", kind_of(value));
        const auto number = parse_double(value.get_string().value_unsafe());
        if (!number) return fail_at(path, "expected a number, found a string that is none");
        return *number;
    }

    Result<void> read_bool(const element& value, Slot& slot, const Path& path) {
        if (value.is_bool()) {
            slot.put(value.get_bool().value_unsafe());
            return {};
        }
        if (!value.is_string())
            return fail_at(path, "expected a boolean, found {}", kind_of(value));
        const std::string_view text = value.get_string().value_unsafe();
        if (text != "true" && text != "false")
            return fail_at(path, "expected a boolean, found a string that is none");
        slot.put(text == "true");
        return {};
    }

    /// A name that we don't know leaves an optional field unset: it comes from a newer client.
    Result<void> read_enum(const element& value, Slot& slot, const Path& path) {
        if (!value.is_string())
            return fail_at(path, "expected the name of an enum value, found {}", kind_of(value));
        const std::string name(value.get_string().value_unsafe());
        const auto* known = slot.entry.field->enum_type()->FindValueByName(name);
        if (known != nullptr) {
            slot.put(known);
        } else if (slot.entry.required) {
            return fail_at(path, "'{}' is no {}", printable(name),
                           slot.entry.field->enum_type()->name());
        }
        return {};
    }

    /// Names from outside go into logs and answers: cut, and without control characters.
    static std::string printable(std::string_view name) {
        std::string text(name.substr(0, 64));
        for (char& c : text)
            if (c < 0x20 || c > 0x7e) c = '?';
        return text;
    }

    Result<void> read_text(const element& value, Slot& slot, const Path& path) {
        if (!value.is_string()) return fail_at(path, "expected a string, found {}", kind_of(value));
        const std::string_view text = value.get_string().value_unsafe();
        if (!slot.entry.is_bytes) {
            slot.put(std::string(text));
            return {};
        }
        std::string bytes;
        if (!decode_base64(text, bytes)) return fail_at(path, "expected base64 with padding");
        slot.put(std::move(bytes));
        return {};
    }

    Result<void> read_message(const element& value, Slot& slot, const Path& path) {
        const MessageTable& table = *slot.entry.message;
        if (value.is_object())
            return read_object(value.get_object().value_unsafe(), slot.sub_message(), table, &path);
        switch (table.text_form) {
            case TextForm::none: break;
            case TextForm::scalar:
                if (value.is_number() || value.is_string())
                    return read_scalar(value, slot.sub_message(), table.fields[0], path);
                break;
            case TextForm::duration_info:
            case TextForm::google_duration:
                if (value.is_string()) return read_duration(value, slot, path);
                break;
        }
        return fail_at(path, "expected an object, found {}", kind_of(value));
    }

    Result<void> read_scalar(const element& value, Message& scalar, const FieldEntry& entry,
                             const Path& path) {
        Slot(scalar, entry).put(TEPUI_TRY(to_double(value, path)));
        return {};
    }

    /// "10mins" where DurationInfo or google.protobuf.Duration is due, as Mesos' guides show it.
    Result<void> read_duration(const element& value, Slot& slot, const Path& path) {
        const auto duration = parse_duration(value.get_string().value_unsafe());
        if (!duration) return fail_at(path, "{}", duration.error().text);
        const MessageTable& table = *slot.entry.message;
        Message& message = slot.sub_message();
        const auto nanoseconds = static_cast<std::int64_t>(duration->count());
        if (table.text_form == TextForm::duration_info) {
            Slot(message, *table.find("nanoseconds")).put(nanoseconds);
            return {};
        }
        constexpr std::int64_t second = 1'000'000'000;
        Slot(message, *table.find("seconds")).put(nanoseconds / second);
        Slot(message, *table.find("nanos")).put(static_cast<std::int32_t>(nanoseconds % second));
        return {};
    }

    /// An object is a map; its names are the keys, of whatever type they are in the message.
    Result<void> read_map(const element& value, Slot& slot, const Path& path) {
        if (!value.is_object())
            return fail_at(path, "expected an object, found {}", kind_of(value));
        const FieldEntry& key_entry = slot.entry.message->fields[0];
        const FieldEntry& value_entry = slot.entry.message->fields[1];
        std::map<std::string_view, element> items;  // Of equal names the last one counts.
        for (const auto [name, item] : value.get_object().value_unsafe())
            items.insert_or_assign(name, item);
        for (const auto& [name, item] : items) {
            if (item.is_null()) continue;
            const Path item_path{&path, name};
            Message& pair = slot.sub_message();
            TEPUI_CHECK_OK(put_key(name, pair, key_entry, item_path));
            TEPUI_CHECK_OK(read_field(item, pair, value_entry, item_path));
        }
        return {};
    }

    Result<void> put_key(std::string_view name, Message& pair, const FieldEntry& entry,
                         const Path& path) {
        Slot slot(pair, entry);
        switch (entry.type) {
            case FieldDescriptor::CPPTYPE_INT32:
                return put_integer_key<std::int32_t>(name, slot, path);
            case FieldDescriptor::CPPTYPE_INT64:
                return put_integer_key<std::int64_t>(name, slot, path);
            case FieldDescriptor::CPPTYPE_UINT32:
                return put_integer_key<std::uint32_t>(name, slot, path);
            case FieldDescriptor::CPPTYPE_UINT64:
                return put_integer_key<std::uint64_t>(name, slot, path);
            case FieldDescriptor::CPPTYPE_BOOL:
                if (name != "true" && name != "false")
                    return fail_at(path, "the key is no boolean");
                slot.put(name == "true");
                return {};
            default: slot.put(std::string(name)); return {};
        }
    }

    template <typename Integer>
    Result<void> put_integer_key(std::string_view name, Slot& slot, const Path& path) {
        const auto number = parse_integer<Integer>(name);
        if (!number) return fail_at(path, "the key is no whole number in range");
        slot.put(*number);
        return {};
    }
};

/// Parses with a parser that has room for this text and depth. Fails like json_to_message.
Result<element> parse(simdjson::dom::parser& parser, std::string_view json, std::size_t depth_max) {
    // simdjson counts the document itself as a level, too.
    const std::size_t depth = depth_max + 1;
    if (parser.capacity() < json.size() || parser.max_depth() != depth) {
        constexpr std::size_t smallest = 4096;
        if (const auto error = parser.allocate(std::max(json.size(), smallest), depth))
            return fail(Errc::too_large, "JSON of {} bytes: {}", json.size(),
                        simdjson::error_message(error));
    }
    element root;
    const auto error = parser.parse(json.data(), json.size()).get(root);
    if (error == simdjson::SUCCESS) return root;
    if (error == simdjson::DEPTH_ERROR)
        return fail(Errc::too_large, "JSON is nested deeper than {} levels", depth_max);
    return fail(Errc::invalid_argument, "not valid JSON: {}", simdjson::error_message(error));
}

Result<void> read_document(simdjson::dom::parser& parser, std::string_view json, Message& message,
                           const JsonLimits& limits) {
    const element root = TEPUI_TRY(parse(parser, json, limits.depth_max));
    if (!root.is_object())
        return fail(Errc::invalid_argument, "expected a JSON object, found {}", kind_of(root));
    Reader reader;
    TEPUI_CHECK_OK(reader.read_object(root.get_object().value_unsafe(), message,
                                      table_of(*message.GetDescriptor()), nullptr));
    return check_required(message);
}

}  // namespace

Result<void> json_to_message(std::string_view json, Message& message, const JsonLimits& limits) {
    message.Clear();
    if (json.size() > limits.bytes_max)
        return fail(Errc::too_large, "JSON of {} bytes is larger than the limit of {}", json.size(),
                    limits.bytes_max);
    // A parser's buffers are worth keeping for calls of the usual size, not for a rare huge one.
    constexpr std::size_t keep_bytes_max = std::size_t{256} << 10;
    if (json.size() > keep_bytes_max) {
        simdjson::dom::parser parser;
        return read_document(parser, json, message, limits);
    }
    thread_local simdjson::dom::parser parser;
    return read_document(parser, json, message, limits);
}

}  // namespace tepui::wire
