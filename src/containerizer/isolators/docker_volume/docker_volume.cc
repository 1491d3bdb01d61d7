#include "containerizer/isolators/docker_volume/docker_volume.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <set>
#include <sstream>

#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"
#include "containerizer/volumes/mount_volume.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {
namespace {

using mesos::v1::Volume;

constexpr const char* k_volumes_file = "/docker-volumes";
constexpr const char* k_default_driver = "local";

/// The volumes of one container, a line "driver name" each; neither has white space in it.
std::string encode(const std::set<ExternalVolume>& volumes) {
    std::string text;
    for (const ExternalVolume& volume : volumes)
        text += fmt::format("{} {}\n", volume.driver, volume.name);
    return text;
}

std::set<ExternalVolume> stored(const Isolated& isolated) {
    std::istringstream lines(cgroups::read_file(isolated.runtime_dir + k_volumes_file));
    std::set<ExternalVolume> volumes;
    ExternalVolume volume;
    while (lines >> volume.driver >> volume.name) volumes.insert(volume);
    return volumes;
}

/// Before anything is mounted: a later agent unmounts whatever may be.
Result<void> store(const Isolated& isolated, const std::set<ExternalVolume>& volumes) {
    const std::string path = isolated.runtime_dir + k_volumes_file;
    const std::string text = encode(volumes);
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

Result<ExternalVolume> volume_of(const Volume& volume) {
    const auto& source = volume.source().docker_volume();
    ExternalVolume external{source.has_driver() ? source.driver() : k_default_driver,
                            source.name()};
    for (const std::string& text : {external.driver, external.name})
        if (text.empty() || text.find_first_of(" \t\r\n\v\f/") != std::string::npos ||
            text.find('\0') != std::string::npos)
            return fail(Errc::invalid_argument, "'{}' is no name of a volume or its driver", text);
    return external;
}

class DockerVolume final : public Isolator {
public:
    DockerVolume(const IsolatorContext& context, std::unique_ptr<VolumeDrivers> drivers)
        : chown_(context.options.volumes.docker_volume_chown), drivers_(std::move(drivers)) {}

    std::string_view name() const override { return "docker/volume"; }

    bool concerns(const LaunchSpec& spec) const override {
        return spec.info && has_volume(*spec.info, VolumeKind::docker);
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override {
        std::set<ExternalVolume> volumes;
        for (const Volume& volume : spec.info->volumes())
            if (TEPUI_TRY(kind_of(volume)) == VolumeKind::docker)
                volumes.insert(TEPUI_TRY(volume_of(volume)));
        TEPUI_CHECK_OK(store(isolated, volumes));
        for (const Volume& volume : spec.info->volumes()) {
            if (TEPUI_TRY(kind_of(volume)) != VolumeKind::docker) continue;
            const Result<void> mounted = mount_one(isolated, spec, plan, volume);
            if (!mounted)
                return fail_with(fmt::format("the volume at '{}'", volume.container_path()),
                                 mounted.error());
        }
        return {};
    }

    void recover(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        for (const ExternalVolume& volume : stored(isolated)) users_[volume].insert(isolated.name);
    }

    Result<void> cleanup(const Isolated& isolated) override {
        Result<void> result;
        const std::lock_guard lock(mutex_);
        for (const ExternalVolume& volume : stored(isolated)) {
            auto& users = users_[volume];
            users.erase(isolated.name);
            const bool last = users.empty();
            if (last) users_.erase(volume);
            const auto done = drivers_->unmount(volume, isolated.name, last);
            if (!done) result = done;
        }
        ::unlink((isolated.runtime_dir + k_volumes_file).c_str());
        return result;
    }

private:
    Result<void> mount_one(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan& plan,
                           const Volume& volume) {
        const ExternalVolume external = TEPUI_TRY(volume_of(volume));
        std::map<std::string, std::string> options;
        for (const auto& option : volume.source().docker_volume().driver_options().parameter())
            options[option.key()] = option.value();
        HostVolume mounted;
        {
            // One after the other: the last to leave must not unmount what the next one mounts.
            const std::lock_guard lock(mutex_);
            users_[external].insert(isolated.name);
            mounted.source = TEPUI_TRY(drivers_->mount(external, options, isolated.name));
        }
        const Owner owner = owner_outside(plan);
        if (chown_ && (plan.user || plan.user_namespace) &&
            ::lchown(mounted.source.c_str(), owner.uid, owner.gid) != 0)
            return fail(Errc::io, "'{}': {}", mounted.source, errno_text());
        mounted.container_path = volume.container_path();
        mounted.read_only = volume.mode() == Volume::RO;
        mounted.flags = MS_NOSUID | MS_NODEV;
        return mount_volume(isolated, spec, plan, mounted);
    }

    const bool chown_;
    const std::unique_ptr<VolumeDrivers> drivers_;
    std::mutex mutex_;
    std::map<ExternalVolume, std::set<std::string>> users_;  // Containers, by name.
};

}  // namespace

std::unique_ptr<Isolator> make_docker_volume(const IsolatorContext& context) {
    return make_docker_volume(context,
                              make_volume_drivers(context.options.volumes.docker_plugin_dir));
}

std::unique_ptr<Isolator> make_docker_volume(const IsolatorContext& context,
                                             std::unique_ptr<VolumeDrivers> drivers) {
    return std::make_unique<DockerVolume>(context, std::move(drivers));
}

}  // namespace tepui::containerizer
