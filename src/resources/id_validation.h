#pragma once

#include <string_view>

#include "base/result.h"

namespace tepui {

/// Whether an id that a user chose can name a directory: 1 to 255 bytes, not "." or "..", without
/// slashes, backslashes and control characters. `kind` is what the error calls it: "task id".
Result<void> validate_id(std::string_view kind, std::string_view id);

}  // namespace tepui
