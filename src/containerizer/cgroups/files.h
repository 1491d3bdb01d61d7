#pragma once

#include <string>

#include "base/result.h"

namespace tepui::containerizer::cgroups {

/// The whole text of a control file; empty when it cannot be read.
std::string read_file(const std::string& path);

/// Writes `value` in one write to a file that exists.
Result<void> write_file(const std::string& path, const std::string& value);

}  // namespace tepui::containerizer::cgroups
