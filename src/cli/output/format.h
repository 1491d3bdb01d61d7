#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/flags/flag.h"
#include "cli/output/jsonpath.h"

namespace tepui::cli {

/// What `-o` asks for.
struct OutputFormat {
    enum class Kind : std::uint8_t { table, wide, json, yaml, name, jsonpath };
    Kind kind = Kind::table;
    JsonPath path;

    /// "table", "wide", "json", "yaml", "name", "jsonpath=TEMPLATE"; fails with invalid_argument.
    static Result<OutputFormat> parse(std::string_view text);
};

/// The -o flag of `get` and `describe`.
Flag output_flag();

/// JSON text in one of the formats that show JSON: json, yaml, jsonpath. Ends with a line end.
Result<std::string> format_json(const OutputFormat& format, const std::string& json);

}  // namespace tepui::cli
