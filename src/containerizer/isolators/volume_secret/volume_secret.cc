#include "containerizer/isolators/volume_secret/volume_secret.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "containerizer/descriptor.h"
#include "containerizer/secrets/resolver.h"
#include "containerizer/volumes/mount_volume.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {
namespace {

using mesos::v1::Volume;

constexpr const char* k_directory = "secrets";  // Of the runtime directory.

/// A file system in memory that is never swapped out. What it holds is bounded by its writer.
Result<void> make_memory(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0700) != 0)
        return fail(Errc::io, "cannot make '{}': {}", directory, errno_text());
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (::mount("tepui-secrets", directory.c_str(), "ramfs", flags, "mode=0700") != 0)
        return fail(Errc::io, "cannot mount memory for secrets at '{}': {}", directory,
                    errno_text());
    return {};
}

/// Takes the mount off the host. A container that has a file of it mounted keeps that file.
Result<void> take_away(const std::string& directory) {
    if (::access(directory.c_str(), F_OK) != 0) return {};
    if (::umount2(directory.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL)
        return fail(Errc::io, "cannot unmount '{}': {}", directory, errno_text());
    if (::rmdir(directory.c_str()) != 0 && errno != ENOENT)
        return fail(Errc::io, "cannot remove '{}': {}", directory, errno_text());
    return {};
}

class VolumeSecret final : public Isolator {
public:
    explicit VolumeSecret(std::unique_ptr<SecretResolver> resolver)
        : resolver_(std::move(resolver)) {}

    std::string_view name() const override { return "volume/secret"; }

    bool concerns(const LaunchSpec& spec) const override {
        return spec.info && has_volume(*spec.info, VolumeKind::secret);
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override {
        if (!plan.root && (plan.flags & (SHIM_NEW_MOUNT_NS | SHIM_NEW_PID_NS)) == 0)
            return fail(Errc::unsupported, "secrets as files need filesystem/linux in --isolation");
        const std::string directory = isolated.runtime_dir + "/" + k_directory;
        TEPUI_CHECK_OK(make_memory(directory));
        int number = 0;
        for (const Volume& volume : spec.info->volumes()) {
            if (TEPUI_TRY(kind_of(volume)) != VolumeKind::secret) continue;
            HostVolume file;
            file.source = fmt::format("{}/{}", directory, number++);
            file.is_directory = false;
            file.container_path = volume.container_path();
            // Whatever its mode: the file is its user's, who could else make it grow in memory.
            file.read_only = true;
            file.flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
            Result<void> done = write_secret(file.source, volume.source().secret(), plan);
            if (done) done = mount_volume(isolated, spec, plan, file);
            if (!done)
                return fail_with(fmt::format("the volume at '{}'", volume.container_path()),
                                 done.error());
        }
        return {};
    }

    void started(const Isolated& isolated, std::int64_t) override { (void)cleanup(isolated); }

    Result<void> cleanup(const Isolated& isolated) override {
        return take_away(isolated.runtime_dir + "/" + k_directory);
    }

private:
    Result<void> write_secret(const std::string& path, const mesos::v1::Secret& secret,
                              const LaunchPlan& plan) const {
        const std::string bytes = TEPUI_TRY(resolver_->resolve(secret));
        const Descriptor file(
            ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400));
        if (!file ||
            ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
            return fail(Errc::io, "cannot write it to memory: {}", errno_text());
        const Owner owner = owner_outside(plan);
        if ((plan.user || plan.user_namespace) && ::fchown(file.get(), owner.uid, owner.gid) != 0)
            return fail(Errc::io, "cannot give it to the user {}: {}", owner.uid, errno_text());
        return {};
    }

    const std::unique_ptr<SecretResolver> resolver_;
};

}  // namespace

Result<std::unique_ptr<Isolator>> make_volume_secret(const IsolatorContext& context) {
    std::unique_ptr<Isolator> made =
        std::make_unique<VolumeSecret>(TEPUI_TRY(make_secret_resolver(context.options.volumes)));
    return made;
}

}  // namespace tepui::containerizer
