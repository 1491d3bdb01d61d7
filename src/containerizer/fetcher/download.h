#pragma once

#include <atomic>
#include <string>

#include "base/result.h"
#include "containerizer/fetcher/fetcher.h"

namespace tepui::containerizer::fetcher {

/// Writes what `url` answers to `fd`. Only http and https, also after a redirect, of which at most
/// ten are followed; any status but success is an error.
Result<void> download(const std::string& url, int fd, const FetchOptions& options,
                      const std::atomic<bool>& cancelled);

}  // namespace tepui::containerizer::fetcher
