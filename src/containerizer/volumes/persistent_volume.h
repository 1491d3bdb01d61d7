#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace tepui::containerizer {

/// A persistent volume as a container is given it. Its data are the caller's: it is neither made
/// nor removed here.
struct PersistentVolume {
    std::string source;          // Absolute directory of the host.
    std::string container_path;  // Relative to the sandbox.
    bool read_only = false;
    std::uint64_t bytes = 0;  // Its size; 0: unknown.
    std::string disk;         // mesos.v1.Resource.DiskInfo, encoded: for statistics.
    bool operator==(const PersistentVolume&) const = default;
};
using PersistentVolumes = std::vector<PersistentVolume>;

/// As kept beside a container, for a later agent.
std::string encode_volumes(const PersistentVolumes& volumes);
/// Fails with corrupt.
Result<PersistentVolumes> decode_volumes(const std::string& bytes);

}  // namespace tepui::containerizer
