#include "containerizer/isolators/volume_host_path/volume_host_path.h"

#include <fcntl.h>

#include "containerizer/beneath.h"
#include "containerizer/volumes/mount_volume.h"
#include "containerizer/volumes/trusted_path.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {
namespace {

using mesos::v1::Volume;

bool is_beneath(const std::string& path, std::string prefix) {
    while (prefix.size() > 1 && prefix.ends_with('/')) prefix.pop_back();
    return path == prefix || prefix == "/" || path.starts_with(prefix + "/");
}

class VolumeHostPath final : public Isolator {
public:
    explicit VolumeHostPath(const VolumeOptions& options)
        : force_creation_(options.host_path_force_creation) {}

    std::string_view name() const override { return "volume/host_path"; }

    Result<void> prepare_machine() override {
        for (const std::string& path : force_creation_)
            if (!path.starts_with('/'))
                return fail(Errc::invalid_argument,
                            "--host_path_volume_force_creation: '{}' is not an absolute path",
                            path);
        return {};
    }

    bool concerns(const LaunchSpec& spec) const override {
        return spec.info && has_volume(*spec.info, VolumeKind::host_path);
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override {
        for (const Volume& volume : spec.info->volumes()) {
            if (TEPUI_TRY(kind_of(volume)) != VolumeKind::host_path) continue;
            const Result<void> mounted = mount_one(isolated, spec, plan, volume);
            if (!mounted)
                return fail_with(fmt::format("the volume at '{}'", volume.container_path()),
                                 mounted.error());
        }
        return {};
    }

private:
    Result<void> mount_one(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan& plan,
                           const Volume& volume) const {
        const bool legacy = !volume.has_source();
        const auto& source = volume.source().host_path();
        const std::string path = legacy ? volume.host_path() : source.path();
        if (!path.starts_with('/'))
            return fail(Errc::invalid_argument, "the host path '{}' is not absolute", path);
        const User* user = plan.user ? &*plan.user : nullptr;
        TrustedPath found = TEPUI_TRY(look_up_trusted(path, user));
        if (!found.missing.empty()) found = TEPUI_TRY(create(path, found, user));
        using Propagation = mesos::v1::MountPropagation;
        HostVolume mounted;
        mounted.source = found.path;
        mounted.is_directory = found.is_directory;
        mounted.container_path = volume.container_path();
        mounted.read_only = volume.mode() == Volume::RO;
        mounted.bidirectional =
            !legacy && source.mount_propagation().mode() == Propagation::BIDIRECTIONAL;
        return mount_volume(isolated, spec, plan, mounted);
    }

    Result<TrustedPath> create(const std::string& path, const TrustedPath& found,
                               const User* user) const {
        const std::string whole = (found.path == "/" ? "" : found.path) + "/" + found.missing;
        bool may = false;
        for (const std::string& prefix : force_creation_) may |= is_beneath(whole, prefix);
        if (!may)
            return fail(Errc::not_found,
                        "the host path '{}' does not exist, and is not beneath a path of "
                        "--host_path_volume_force_creation",
                        path);
        const Descriptor top(::open(found.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!top) return fail(Errc::io, "'{}': {}", found.path, errno_text());
        TEPUI_CHECK_OK(
            make_directories_beneath(top.get(), TEPUI_TRY(clean_path(found.missing)), 0755));
        return look_up_trusted(path, user);
    }

    const std::vector<std::string> force_creation_;
};

}  // namespace

std::unique_ptr<Isolator> make_volume_host_path(const IsolatorContext& context) {
    return std::make_unique<VolumeHostPath>(context.options.volumes);
}

}  // namespace tepui::containerizer
