#pragma once

#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "resources/ranges.h"

namespace tepui {

/// A value as flags write it: number, "[1-3, 7-9]", "{a, b}" or plain text.
using TextValue = std::variant<double, Ranges, std::set<std::string>, std::string>;

/// Reads one value. A finite decimal number is a number, brackets are ranges, braces are a set, all
/// else is text. Fails on an unclosed bracket, a range that runs backwards or overlaps, an item
/// given twice, and on an empty text.
Result<TextValue> parse_value(std::string_view text);

/// The text without blanks at its ends.
std::string_view trim(std::string_view text);

/// "{a, b}".
std::string to_string(const std::set<std::string>& items);

}  // namespace tepui
