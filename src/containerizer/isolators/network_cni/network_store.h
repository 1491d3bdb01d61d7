#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "containerizer/descriptor.h"
#include "containerizer/isolators/network_cni/attachment.h"

namespace tepui::containerizer::cni {

// What is in the folder "net" of a container's runtime directory; of one that shares another's
// network it is a link to that folder.
inline constexpr const char* k_space_file = "ns";        // The namespace is mounted on it.
inline constexpr const char* k_state_file = "networks";  // ContainerNetworks.

/// The folder of `runtime_dir`.
std::string network_dir(const std::string& runtime_dir);
/// The folder itself behind network_dir(), or the one that it is a link to; empty: there is none.
std::string real_network_dir(const std::string& runtime_dir);

/// By rename: whoever reads it later finds all of it or what was there before.
Result<void> write_whole(const std::string& path, const std::string& text);

/// Whoever changes a container's networks holds this lock of its folder, and so does each plugin
/// that was started meanwhile: it may still be at work when its agent was killed. Waits for it, but
/// not for ever: what hangs is left behind then. Fails with io.
Result<Descriptor> lock_networks(const std::string& directory);

/// What the container is attached to; nothing when it has no network, or what is written is
/// corrupt.
std::optional<ContainerNetworks> read_networks(const std::string& state_path);

/// Copies of what is attached, beside the work directory's other files: they are there after a
/// reboot, and when a runtime directory went before its networks could be detached.
class Leftovers {
public:
    explicit Leftovers(std::string directory) : directory_(std::move(directory)) {}
    Result<void> keep(const ContainerNetworks& networks) const;
    /// The same with the namespace at `space`, in which some plugins look for what they made.
    Result<void> keep(const ContainerNetworks& networks, const std::string& space) const;
    /// Where that is kept; not there after a reboot.
    std::string space_of(const std::string& container) const;
    void drop(const std::string& container) const;
    std::vector<ContainerNetworks> all() const;

private:
    std::string path_of(const std::string& container) const { return directory_ + "/" + container; }
    const std::string directory_;
};

}  // namespace tepui::containerizer::cni
