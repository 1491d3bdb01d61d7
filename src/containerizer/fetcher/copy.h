#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "containerizer/descriptor.h"
#include "containerizer/fetcher/counters.h"

namespace tepui::containerizer::fetcher {

/// Opens a file of this machine to be read, with the rights of the calling thread. Fails with
/// invalid_argument on anything but a regular file.
Result<Descriptor> open_local(const std::string& path);

/// Copies all of `from` (from its beginning) to `to`, by sharing blocks or within the kernel where
/// the file systems can. Fails with too_large beyond `bytes_max`. Counts Counters::bytes if given.
Result<void> copy_file(int from, int to, std::uint64_t bytes_max, Counters* counters,
                       const std::atomic<bool>& cancelled);

}  // namespace tepui::containerizer::fetcher
