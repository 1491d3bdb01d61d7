#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "cli/output/json_value.h"

namespace tepui::cli {

/// A JSONPath template, the subset that kubectl's users know: text with `{...}` in it, where braces
/// hold a path ({.a.b[0].c}, {[*].id}, {..name}, ['a.b'], [1:3], [-1], [0,2],
/// [?(@.state=="TASK_RUNNING")]), a text in quotes ({"\n"}), or `range PATH` ... `end`, between
/// which paths that begin with a point or @ are of each item. Without braces the whole is one path.
/// What a path finds is joined by spaces; what it does not find is nothing.
class JsonPath {
public:
    /// Fails with invalid_argument; the text names the place by its column, from 1 on.
    static Result<JsonPath> parse(std::string_view text);

    std::string evaluate(const JsonValue& root) const;

    struct Filter;
    struct Slice {
        std::int64_t from = 0;
        std::int64_t to = 0;
        std::int64_t by = 1;
        bool has_from = false;
        bool has_to = false;
    };
    struct Step {
        enum class Kind : std::uint8_t { name, descend, all, slice, filter, either };
        Kind kind = Kind::all;
        std::string name;
        Slice slice;  // An index is a slice of one.
        std::shared_ptr<const Filter> filter;
        std::vector<Step> choices;  // Of `either`.
    };
    using Path = std::vector<Step>;
    struct Filter {
        Path left;
        std::string op;  // Empty: something is there.
        std::variant<JsonValue, Path> right;
    };
    struct Part {
        enum class Kind : std::uint8_t { text, path, range };
        Kind kind = Kind::text;
        std::string text;
        Path path;
        bool from_root = false;  // The path begins with $.
        std::vector<Part> body;  // Of a range.
    };

private:
    std::vector<Part> parts_;
};

}  // namespace tepui::cli
