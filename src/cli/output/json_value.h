#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::cli {

/// A JSON document as a tree. Members keep their order. Lives where output is shaped (YAML,
/// JSONPath, agents' endpoints); the wire's messages have their own types.
struct JsonValue {
    enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

    Kind kind = Kind::null;
    std::string text;  // A string's characters; "true" or "false"; a number as written.
    std::vector<std::string> names;  // Of an object's members, each for the item of the same index.
    std::vector<JsonValue> items;    // Of arrays and objects.

    bool operator==(const JsonValue&) const = default;

    /// The member of that name, or null when there is none or this is no object.
    const JsonValue* find(std::string_view name) const;
    /// The member's text, or empty.
    std::string text_of(std::string_view name) const;
    /// The member's number, or 0.
    double number_of(std::string_view name) const;
};

/// Fails with corrupt when it is not one JSON document.
Result<JsonValue> parse_json(std::string_view json);

/// One line, without white space.
std::string to_json(const JsonValue& value);

}  // namespace tepui::cli
