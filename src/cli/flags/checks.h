#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace tepui::cli {

/// Judges of flag values; the error's text says what would be right.
using FlagCheck = std::function<Result<void>(std::string_view)>;

FlagCheck duration_between(Duration least, Duration most);
FlagCheck whole_number_between(std::uint64_t least, std::uint64_t most);
FlagCheck bytes_between(Bytes least, Bytes most);
FlagCheck one_of(std::vector<std::string> choices);
FlagCheck not_empty();

/// A whole number without sign; fails with invalid_argument.
Result<std::uint64_t> parse_whole(std::string_view text);

}  // namespace tepui::cli
