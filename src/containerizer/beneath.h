#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "containerizer/descriptor.h"

namespace tepui::containerizer {

/// Files beneath a directory that a task may write to: no path leaves it, and no link is followed,
/// not even one that appears while we look (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS).

/// The parts of a relative path without "." parts. Fails with invalid_argument on an absolute or
/// empty path, a ".." part or an embedded NUL.
Result<std::vector<std::string>> clean_path(std::string_view path);

/// Opens `path` beneath `directory`; `flags` as open(2), O_CLOEXEC is added.
Result<Descriptor> open_beneath(int directory, const std::string& path, std::uint64_t flags,
                                mode_t mode = 0);

/// Makes the missing directories of `path` beneath `directory` and opens the last one (O_PATH is
/// not used: the descriptor can be read and fchown'ed). An empty path opens `directory` itself.
Result<Descriptor> make_directories_beneath(int directory, const std::vector<std::string>& parts,
                                            mode_t mode);

/// Makes `path` (absolute) and its parents; links are followed: for directories that only root or
/// the agent can write to.
Result<Descriptor> make_trusted_directory(const std::string& path, mode_t mode);

}  // namespace tepui::containerizer
