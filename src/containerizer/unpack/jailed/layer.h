#pragma once

#include "base/result.h"
#include "containerizer/unpack/unpack.h"

namespace tepui::containerizer::unpack {

/// Unpacks the tar (plain, gzip or zstd) read from `archive_fd` into `directory_fd`, in this
/// process: a layer, whose names ".wh.NAME" and ".wh..wh..opq" take away what layers beneath have.
/// Reads to the end of what is sent. Of `limits` bytes_max and entries_max count. Meant for a
/// jailed process: tepui-unpack.
Result<Unpacked> unpack_layer(int archive_fd, int directory_fd, const Limits& limits);

}  // namespace tepui::containerizer::unpack
