#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <google/protobuf/descriptor.h>

namespace tepui::wire {

struct MessageTable;

/// The names of an enum's values, quoted: what the writer copies.
class EnumTable {
public:
    explicit EnumTable(const google::protobuf::EnumDescriptor& descriptor);
    /// `"NAME"`, or empty for a number that has no name.
    std::string_view quoted(int number) const;

private:
    int first_ = 0;
    std::vector<std::string> quoted_;  // By number - first_; a gap is empty.
};

/// All that the JSON writer and reader want to know of one field, looked up once a process.
struct FieldEntry {
    const google::protobuf::FieldDescriptor* field = nullptr;
    google::protobuf::FieldDescriptor::CppType type{};
    bool repeated = false;
    bool is_map = false;
    bool is_bytes = false;
    bool is_packed = false;
    bool required = false;
    google::protobuf::FieldDescriptor::Type encoding{};
    std::uint32_t tag = 0;  // What stands before each value in protobuf bytes.
    std::string name;
    std::string key;     // `,"name":`
    std::string absent;  // What is written for an unset field: `,"name":default`, or nothing.
    const MessageTable* message = nullptr;  // Of message fields.
    const EnumTable* names = nullptr;       // Of enum fields.
};

/// What stands for a message in JSON besides an object. We take these, and never write them.
enum class TextForm : std::uint8_t {
    none,
    scalar,           // mesos.v1.Value.Scalar: a bare number.
    duration_info,    // mesos.v1.DurationInfo: "10mins".
    google_duration,  // google.protobuf.Duration: "10mins".
};

/// Which of a message's fields; a bit is an index in MessageTable::fields.
inline constexpr std::size_t fields_max = 128;
using FieldSet = std::array<std::uint64_t, fields_max / 64>;

/// What the writer needs to know of a field before it writes it; small, to stay in the cache.
struct Numbered {
    std::uint32_t tag = 0;  // 0: no field has this number.
    std::uint16_t index = 0;
    bool is_enum = false;  // Neither packed.
};

struct MessageTable {
    const google::protobuf::Descriptor* descriptor = nullptr;
    TextForm text_form = TextForm::none;
    std::vector<FieldEntry> fields;  // In order of declaration.
    std::unordered_map<std::string_view, const FieldEntry*> by_name;
    std::vector<Numbered> by_number;
    FieldSet written_when_absent;

    /// The field with exactly this name, or null.
    const FieldEntry* find(std::string_view name) const;
};

/// The table of a compiled message type; it lives as long as the process. Safe on every thread.
/// Not for descriptors of dynamic pools, which may die.
const MessageTable& table_of(const google::protobuf::Descriptor& descriptor);

}  // namespace tepui::wire
