#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace tepui::containerizer {

/// What the files of a project take.
struct ProjectUsage {
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;
};

/// Project quotas of a file system. Any thread.
class ProjectQuotas {
public:
    virtual ~ProjectQuotas() = default;
    /// What is made in the directory from now on belongs to the project.
    virtual Result<void> assign(const std::string& directory, std::uint32_t project) = 0;
    virtual Result<ProjectUsage> usage(std::uint32_t project) = 0;
    /// Zero: no limit. Writes beyond `hard_bytes` fail with EDQUOT.
    virtual Result<void> limit(std::uint32_t project, std::uint64_t soft_bytes,
                               std::uint64_t hard_bytes) = 0;
};

/// Those of the XFS that `path` is on. Fails with unsupported, and says what is missing, where it
/// is on something else or its project quotas are not accounted and enforced.
Result<std::unique_ptr<ProjectQuotas>> open_xfs_quotas(const std::string& path);

}  // namespace tepui::containerizer
