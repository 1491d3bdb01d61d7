#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer::cni {

/// Name and value, which is JSON already.
using JsonField = std::pair<std::string, std::string>;

/// The JSON object `object` with `fields` in place of its own of those names, or added to them.
/// Fails with corrupt when it is no object.
Result<std::string> with_fields(std::string_view object, const std::vector<JsonField>& fields);

/// `text` in quotes.
std::string json_text(std::string_view text);

}  // namespace tepui::containerizer::cni
