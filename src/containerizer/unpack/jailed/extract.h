#pragma once

#include <string>

#include "base/result.h"
#include "containerizer/unpack/unpack.h"

namespace tepui::containerizer::unpack {

/// Unpacks `archive_fd` into `directory_fd` in this process, as Kind (no layer) and Limits say
/// (time_max is the caller's). Meant for a jailed one: tepui-unpack.
Result<Unpacked> extract(int archive_fd, int directory_fd, Kind kind, const std::string& output,
                         const Limits& limits);

}  // namespace tepui::containerizer::unpack
