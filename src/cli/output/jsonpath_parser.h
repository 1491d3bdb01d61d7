#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/output/jsonpath.h"

namespace tepui::cli {

/// Reads the text of a JsonPath. One use.
class JsonPathParser {
public:
    explicit JsonPathParser(std::string_view text) : text_(text) {}

    Result<std::vector<JsonPath::Part>> parse();

private:
    using Step = JsonPath::Step;
    using Part = JsonPath::Part;

    Result<std::vector<Part>> parts(bool in_range);
    /// What is between braces; `closing` is set by {end}.
    Result<std::vector<Part>> braces(bool in_range, bool& closing);
    Result<JsonPath::Path> path(bool& from_root);
    Result<Step> dotted();
    Result<Step> bracket();
    Result<Step> choice();
    Result<Step> filter();
    Result<std::variant<JsonValue, JsonPath::Path>> operand();
    Result<std::string> quoted();
    Result<JsonPath::Slice> slice();
    std::string name();

    bool at_end() const { return position_ >= text_.size(); }
    char peek() const { return at_end() ? '\0' : text_[position_]; }
    bool take(std::string_view word);
    void skip_spaces();
    Result<void> expect(std::string_view word);
    std::unexpected<Error> error(std::string_view what) const;

    std::string_view text_;
    std::size_t position_ = 0;
    unsigned depth_ = 0;  // Of ranges and filters within each other.
};

}  // namespace tepui::cli
