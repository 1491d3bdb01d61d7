#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "containerizer/fetcher/plan.h"

namespace tepui::containerizer::fetcher {

/// The hexadecimal digest of a file, read from its beginning. `algorithm`: sha256 or sha512.
Result<std::string> digest_file(int fd, const std::string& algorithm,
                                const std::atomic<bool>& cancelled);

/// Fails with corrupt and both digests when the file is another one.
Result<void> check_digest(int fd, const Checksum& checksum, const std::atomic<bool>& cancelled);

}  // namespace tepui::containerizer::fetcher
