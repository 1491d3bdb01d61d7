#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tepui::cli {

/// One setting of a config file.
struct ConfigLine {
    std::size_t number = 0;  // From 1.
    std::string name;        // Of a flag, without dashes before it.
    std::string value;
};

/// Reads a config file: lines of the form `flag = value`, in which blanks around both do not count.
/// Empty lines and those that begin with # say nothing. A value goes to the end of its line and is
/// not quoted. Fails with invalid_argument, naming the line.
Result<std::vector<ConfigLine>> parse_config(std::string_view text);

}  // namespace tepui::cli
