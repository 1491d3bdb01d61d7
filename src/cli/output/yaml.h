#pragma once

#include <string>

#include "cli/output/json_value.h"

namespace tepui::cli {

/// The value as a YAML 1.1 and 1.2 document in block style, with a line end. A string is plain only
/// where no reader can take it for something else ("no", "1e3" and "a: b" are quoted).
std::string to_yaml(const JsonValue& value);

}  // namespace tepui::cli
