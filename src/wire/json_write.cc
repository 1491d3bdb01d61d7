// Messages to JSON. Asking libprotobuf's reflection for each field costs more than all the text, so
// the message is serialized (which is generated code, and fast) and its bytes are turned into JSON
// with the field tables: one pass to find where each field is, one to write them as declared.

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <vector>

#include "wire/base64.h"
#include "wire/field_table.h"
#include "wire/json.h"
#include "wire/json_writer.h"
#include "wire/protobuf_bytes.h"

namespace tepui::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

class Transcoder {
public:
    explicit Transcoder(std::string& out) : out_(out) {}

    void append_message(std::string_view bytes, const MessageTable& table) {
        const std::size_t base = top_;
        top_ += table.fields.size();
        if (found_.size() < top_) found_.resize(2 * top_);
        const FieldSet present = find_fields(bytes, table, base);
        const std::size_t start = out_.size();
        // Every field brings its own comma; the first one is turned into the brace afterwards.
        for (std::size_t word = 0; word < present.size(); ++word) {
            std::uint64_t left = present[word] | table.written_when_absent[word];
            for (; left != 0; left &= left - 1) {
                const auto bit = static_cast<std::size_t>(std::countr_zero(left));
                const FieldEntry& entry = table.fields[word * 64 + bit];
                if ((present[word] >> bit & 1) == 0) {
                    out_.append(entry.absent);
                    continue;
                }
                out_.append(entry.key);
                append_field(found_[base + word * 64 + bit], entry);
            }
        }
        if (out_.size() == start) {
            out_.push_back('{');
        } else {
            out_[start] = '{';
        }
        out_.push_back('}');
        top_ = base;
    }

private:
    /// Notes for each field the bytes from its first value on, and says which fields there are.
    FieldSet find_fields(std::string_view bytes, const MessageTable& table, std::size_t base) {
        FieldSet present{};
        for (ProtobufCursor cursor(bytes); !cursor.done();) {
            const std::uint64_t tag = cursor.varint();
            const std::uint64_t number = tag >> 3;
            // A known number with an encoding that isn't the field's is an unknown field.
            if (number < table.by_number.size() && table.by_number[number].tag == tag) {
                const Numbered field = table.by_number[number];
                std::uint64_t& word = present[field.index / 64];
                const std::uint64_t bit = std::uint64_t{1} << field.index % 64;
                if ((word & bit) == 0 &&
                    (!field.is_enum || is_known(cursor, table.fields[field.index]))) {
                    word |= bit;
                    found_[base + field.index] = cursor.rest();
                }
            }
            cursor.skip(tag);
        }
        return present;
    }

    /// libprotobuf keeps a number that an enum doesn't have as an unknown field under its own tag.
    static bool is_known(ProtobufCursor cursor, const FieldEntry& entry) {
        return !entry.names->quoted(static_cast<int>(cursor.varint())).empty();
    }

    void append_field(std::string_view rest, const FieldEntry& entry) {
        ProtobufCursor cursor(rest);
        if (entry.is_map) {
            append_map(cursor, entry);
        } else if (entry.is_packed) {
            append_packed(ProtobufCursor(cursor.bytes()), entry);
        } else if (entry.repeated) {
            append_list(cursor, entry);
        } else {
            append_value(cursor, entry);
        }
    }

    /// libprotobuf writes the values of a list one after another.
    void append_list(ProtobufCursor cursor, const FieldEntry& entry) {
        out_.push_back('[');
        do {
            if (entry.names != nullptr && !is_known(cursor, entry)) {
                cursor.varint();
                continue;
            }
            append_value(cursor, entry);
            out_.push_back(',');
        } while (!cursor.done() && cursor.varint() == entry.tag);
        out_.back() = ']';
    }

    void append_packed(ProtobufCursor cursor, const FieldEntry& entry) {
        out_.push_back('[');
        while (!cursor.done()) {
            append_value(cursor, entry);
            out_.push_back(',');
        }
        out_.back() = ']';
    }

    /// Maps become objects. Entries come out of a hash map in no order, so they are sorted by key:
    /// the same message is always the same text.
    void append_map(ProtobufCursor cursor, const FieldEntry& entry) {
        std::vector<std::pair<std::string, std::string>> sorted;  // Both halves in JSON.
        do {
            std::pair<std::string, std::string> pair;
            for (ProtobufCursor halves(cursor.bytes()); !halves.done();) {
                const bool is_key = halves.varint() == entry.message->fields[0].tag;
                std::string& half = is_key ? pair.first : pair.second;
                Transcoder(half).append_value(halves, entry.message->fields[is_key ? 0 : 1]);
            }
            // Keys that are numbers or booleans get their quotes here.
            if (!pair.first.starts_with('"')) pair.first = '"' + pair.first + '"';
            sorted.push_back(std::move(pair));
        } while (!cursor.done() && cursor.varint() == entry.tag);
        std::ranges::sort(sorted);
        out_.push_back('{');
        for (const auto& [key, value] : sorted)
            out_.append(key).append(":").append(value).append(",");
        out_.back() = '}';
    }

    void append_value(ProtobufCursor& cursor, const FieldEntry& entry) {
        switch (entry.encoding) {
            case FieldDescriptor::TYPE_INT32:
            case FieldDescriptor::TYPE_INT64:
                return append_integer(static_cast<std::int64_t>(cursor.varint()));
            case FieldDescriptor::TYPE_UINT32:
            case FieldDescriptor::TYPE_UINT64: return append_integer(cursor.varint());
            case FieldDescriptor::TYPE_SINT32:
            case FieldDescriptor::TYPE_SINT64: return append_integer(unfold(cursor.varint()));
            case FieldDescriptor::TYPE_FIXED32:
                return append_integer(cursor.fixed<std::uint32_t>());
            case FieldDescriptor::TYPE_FIXED64:
                return append_integer(cursor.fixed<std::uint64_t>());
            case FieldDescriptor::TYPE_SFIXED32:
                return append_integer(cursor.fixed<std::int32_t>());
            case FieldDescriptor::TYPE_SFIXED64:
                return append_integer(cursor.fixed<std::int64_t>());
            case FieldDescriptor::TYPE_DOUBLE:
                return append_json_double(out_, cursor.fixed<double>());
            case FieldDescriptor::TYPE_FLOAT: return append_float(cursor.fixed<float>());
            case FieldDescriptor::TYPE_BOOL:
                out_.append(cursor.varint() != 0 ? "true" : "false");
                return;
            case FieldDescriptor::TYPE_ENUM:
                out_.append(entry.names->quoted(static_cast<int>(cursor.varint())));
                return;
            case FieldDescriptor::TYPE_STRING: return append_json_string(out_, cursor.bytes());
            case FieldDescriptor::TYPE_BYTES:
                out_.push_back('"');
                append_base64(out_, cursor.bytes());
                out_.push_back('"');
                return;
            case FieldDescriptor::TYPE_MESSAGE:
                return append_message(cursor.bytes(), *entry.message);
            case FieldDescriptor::TYPE_GROUP: break;  // Gone from protobuf; field tables refuse it.
        }
    }

    static std::int64_t unfold(std::uint64_t zigzag) {
        return static_cast<std::int64_t>(zigzag >> 1 ^ (0 - (zigzag & 1)));
    }

    template <typename Integer>
    void append_integer(Integer number) {
        char text[24];
        out_.append(text, std::to_chars(text, std::end(text), number).ptr);
    }

    /// A float goes through its own shortest text, so that 0.1f is written as 0.1.
    void append_float(float number) {
        char text[24];
        double widened = number;
        if (std::isfinite(number)) {
            const auto end = std::to_chars(text, std::end(text), number).ptr;
            std::from_chars(text, end, widened);
        }
        append_json_double(out_, widened);
    }

    std::string& out_;
    // A stack of the fields of the messages that are being written; it never shrinks.
    std::vector<std::string_view> found_;
    std::size_t top_ = 0;
};

}  // namespace

void message_to_json(const Message& message, std::string& out) {
    Transcoder(out).append_message(message.SerializePartialAsString(),
                                   table_of(*message.GetDescriptor()));
}

std::string message_to_json(const Message& message) {
    std::string out;
    message_to_json(message, out);
    return out;
}

}  // namespace tepui::wire
