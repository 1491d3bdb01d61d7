#pragma once

#include <cstdint>

namespace tepui {

/// How bad what a line of the log tells is.
enum class Severity : std::uint8_t { info, warning, error };

}  // namespace tepui
