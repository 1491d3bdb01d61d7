#include "containerizer/volumes/volume.h"

#include <algorithm>

namespace tepui::containerizer {
namespace {

using mesos::v1::Volume;

Result<VolumeKind> kind_of_source(const Volume& volume) {
    using Source = Volume::Source;
    const Source& source = volume.source();
    const auto needs = [&](bool has, VolumeKind kind,
                           std::string_view field) -> Result<VolumeKind> {
        if (has) return kind;
        return fail(Errc::invalid_argument, "the volume at '{}' is of a source without '{}'",
                    volume.container_path(), field);
    };
    switch (source.type()) {
        case Source::HOST_PATH:
            return needs(source.has_host_path(), VolumeKind::host_path, "host_path");
        case Source::SANDBOX_PATH:
            return needs(source.has_sandbox_path(), VolumeKind::sandbox_path, "sandbox_path");
        case Source::SECRET: return needs(source.has_secret(), VolumeKind::secret, "secret");
        case Source::DOCKER_VOLUME:
            return needs(source.has_docker_volume(), VolumeKind::docker, "docker_volume");
        case Source::CSI_VOLUME:
            return fail(Errc::unsupported, "the volume at '{}' is of a CSI plugin: there are none",
                        volume.container_path());
        default: break;
    }
    return fail(Errc::invalid_argument, "the volume at '{}' has a source of no known type",
                volume.container_path());
}

}  // namespace

Result<VolumeKind> kind_of(const Volume& volume) {
    const std::string& path = volume.container_path();
    if (path.empty() || path.find('\0') != std::string::npos)
        return fail(Errc::invalid_argument, "a volume has no 'container_path'");
    const int named = (volume.has_source() ? 1 : 0) + (volume.has_host_path() ? 1 : 0) +
                      (volume.has_image() ? 1 : 0);
    if (named != 1)
        return fail(Errc::invalid_argument,
                    "the volume at '{}' needs one of 'source', 'host_path' and 'image'", path);
    if (volume.has_source()) return kind_of_source(volume);
    if (volume.has_image()) return VolumeKind::image;
    return volume.host_path().starts_with('/') ? VolumeKind::host_path : VolumeKind::sandbox_path;
}

std::string_view isolator_of(VolumeKind kind) {
    switch (kind) {
        case VolumeKind::host_path: return "volume/host_path";
        case VolumeKind::sandbox_path: return "volume/sandbox_path";
        case VolumeKind::secret: return "volume/secret";
        case VolumeKind::image: return "volume/image";
        case VolumeKind::docker: return "docker/volume";
    }
    return "";
}

bool is_enabled(const std::vector<std::string>& isolation, std::string_view name) {
    const auto has = [&](std::string_view wanted) {
        return std::ranges::find(isolation, wanted) != isolation.end();
    };
    if (has(name)) return true;
    if (name == "disk/du") return has("posix/disk");
    return name.starts_with("volume/") && has("filesystem/linux");
}

Result<void> check_volumes(const mesos::v1::ContainerInfo& container,
                           const std::vector<std::string>& isolation) {
    for (const Volume& volume : container.volumes()) {
        const VolumeKind kind = TEPUI_TRY(kind_of(volume));
        if (is_enabled(isolation, isolator_of(kind))) continue;
        return fail(Errc::unsupported, "The volume at '{}' needs the isolator {} in --isolation",
                    volume.container_path(), isolator_of(kind));
    }
    return {};
}

bool has_volume(const mesos::v1::ContainerInfo& container, VolumeKind kind) {
    return std::ranges::any_of(container.volumes(), [&](const Volume& volume) {
        const auto own = kind_of(volume);
        return own && *own == kind;
    });
}

}  // namespace tepui::containerizer
