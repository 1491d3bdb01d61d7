#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "containerizer/fetcher/output.h"

namespace tepui::containerizer::fetcher {

/// Unpacks the archive read from `archive_fd` (tar, also gzip, bzip2 or xz compressed; zip) into
/// the sandbox. Refused, with what came before it left in place: absolute names, names with "..",
/// names through symbolic links, hard links to anything but a file of the sandbox, devices, pipes,
/// sockets, and more bytes than `budget`.
Result<void> extract_archive(int archive_fd, int sandbox_fd, Budget& budget,
                             const std::atomic<bool>& cancelled);

/// Unpacks one gzip'ed file to `output_fd`.
Result<void> extract_gzip(int gzip_fd, int output_fd, Budget& budget,
                          const std::atomic<bool>& cancelled);

}  // namespace tepui::containerizer::fetcher
