#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "containerizer/isolator.h"

namespace tepui::containerizer {

/// What the container may put in its sandbox: the sum of its plain disk resources (persistent
/// volumes are apart). Absent: it has none, and no limit.
std::optional<std::uint64_t> disk_quota_bytes(const LaunchSpec& spec);

/// The quota is kept beside the container, for a later agent.
Result<void> store_quota(const Isolated& isolated, const std::optional<std::uint64_t>& bytes);
std::optional<std::uint64_t> stored_quota(const Isolated& isolated);

/// What is told of a container that has used more than it may.
LimitHit disk_limit_hit(std::uint64_t used_bytes, std::uint64_t quota_bytes);
/// The same of a persistent volume that has become larger than it was made.
LimitHit volume_limit_hit(const PersistentVolume& volume, std::uint64_t used_bytes);

/// Tells of a persistent volume in statistics, beside what is told of the sandbox.
void add_volume_statistics(const PersistentVolume& volume, std::optional<std::uint64_t> used_bytes,
                           mesos::v1::ResourceStatistics& statistics);

}  // namespace tepui::containerizer
