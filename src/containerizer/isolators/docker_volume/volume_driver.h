#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace tepui::containerizer {

/// An external volume.
struct ExternalVolume {
    std::string driver;  // A plugin's name.
    std::string name;
    auto operator<=>(const ExternalVolume&) const = default;
};

/// Whoever knows volume plugins. Any thread; calls block.
class VolumeDrivers {
public:
    virtual ~VolumeDrivers() = default;
    /// Makes the volume if there is none, and mounts it on the host for `user`; gives where.
    /// Plugins count users by themselves.
    virtual Result<std::string> mount(const ExternalVolume& volume,
                                      const std::map<std::string, std::string>& options,
                                      const std::string& user) = 0;
    /// The user, who may never have got it, is gone; with `last` there is no other any more.
    virtual Result<void> unmount(const ExternalVolume& volume, const std::string& user,
                                 bool last) = 0;
};

/// Plugins that listen as `<directory>/NAME.sock`, by Docker's volume plugin protocol. For one that
/// does not listen there the program `dvdcli` is asked, where it is installed.
/// Source: Docker Engine, plugins_volume.
std::unique_ptr<VolumeDrivers> make_volume_drivers(std::string directory);

}  // namespace tepui::containerizer
