#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

namespace tepui::wire {

/// Writes JSON by hand into a string: the legacy endpoints (/state, /tasks) are made with it. The
/// caller pairs begin and end; commas and escapes are the writer's.
///
///   JsonWriter json(out);
///   json.begin_object().key("id").value(id).key("slaves").begin_array().end_array().end_object();
class JsonWriter {
public:
    explicit JsonWriter(std::string& out) : out_(out) {}

    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& key(std::string_view name);
    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
    JsonWriter& value(bool flag);
    /// Shortest text that reads back the same; whole numbers keep ".0", as Mesos writes them.
    JsonWriter& value(double number);
    JsonWriter& value(std::int64_t number);
    JsonWriter& value(std::uint64_t number);
    JsonWriter& value(int number) { return value(static_cast<std::int64_t>(number)); }
    JsonWriter& value(unsigned number) { return value(static_cast<std::uint64_t>(number)); }
    JsonWriter& null();
    /// A protobuf message in the v1 mapping.
    JsonWriter& message(const google::protobuf::Message& message);
    /// Text that is JSON already (a cached fragment).
    JsonWriter& raw(std::string_view json);

private:
    void before_value();

    std::string& out_;
    bool comma_ = false;
};

/// Appends `text` quoted and escaped, ASCII only; invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
/// Appends a double as JsonWriter::value(double) does.
void append_json_double(std::string& out, double number);

}  // namespace tepui::wire
