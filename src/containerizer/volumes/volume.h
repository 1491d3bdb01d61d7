#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mesos/v1/mesos.pb.h"

namespace tepui::containerizer {

/// What a volume is made of.
enum class VolumeKind : std::uint8_t { host_path, sandbox_path, secret, image, docker };

/// Fails on one that says nothing, or too much, or what no agent of this kind can give (CSI).
/// A relative `host_path` is a directory of the sandbox.
Result<VolumeKind> kind_of(const mesos::v1::Volume& volume);

/// Its Mesos name.
std::string_view isolator_of(VolumeKind kind);

/// Whether --isolation has it. Those of host paths, sandboxes, secrets and images come with
/// filesystem/linux, and posix/disk is an old name of disk/du.
bool is_enabled(const std::vector<std::string>& isolation, std::string_view name);

/// Refuses volumes for which no isolator is enabled, by a text that names it.
Result<void> check_volumes(const mesos::v1::ContainerInfo& container,
                           const std::vector<std::string>& isolation);

/// Whether one of the container's volumes is of that kind.
bool has_volume(const mesos::v1::ContainerInfo& container, VolumeKind kind);

}  // namespace tepui::containerizer
