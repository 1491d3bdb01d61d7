#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tepui::cli {

/// Reads environment variables from a JSON object of strings; of an empty text there are none.
/// Fails with invalid_argument.
Result<std::map<std::string, std::string>> parse_environment(std::string_view json);

/// The same as a flag's check.
Result<void> check_environment(std::string_view json);

}  // namespace tepui::cli
