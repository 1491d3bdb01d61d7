#include "containerizer/isolators/volume_image/volume_image.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <set>
#include <sstream>

#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"
#include "containerizer/images/image_store.h"
#include "containerizer/isolators/docker_runtime/docker_runtime.h"
#include "containerizer/oci/provisioner.h"
#include "containerizer/secrets/resolver.h"
#include "containerizer/volumes/mount_volume.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {
namespace {

using mesos::v1::Volume;

constexpr const char* k_images_file = "/image-volumes";  // Their digests, for a later agent.

/// Apart from the container's own image.
std::string holder_of(const Isolated& isolated) { return isolated.name + ".volumes"; }
std::string name_of(const Isolated& isolated, std::size_t number) {
    return fmt::format("{}.{}", isolated.name, number);
}

class VolumeImage final : public Isolator {
public:
    explicit VolumeImage(const IsolatorContext& context)
        : options_(context.options), images_(context.images) {}

    std::string_view name() const override { return "volume/image"; }

    bool concerns(const LaunchSpec& spec) const override {
        return spec.info && has_volume(*spec.info, VolumeKind::image);
    }

    Result<void> prepare_machine() override {
        if (images_ == nullptr) return {};
        const std::string directory = provisioner_dir(options_) + "-volumes";
        const oci::Backend backend =
            TEPUI_TRY(oci::choose_backend(options_.oci.backend, directory + "/.overlay"));
        provisioner_.emplace(directory, backend);
        return provisioner_->prepare();
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override {
        if (!provisioner_)
            return fail(Errc::unsupported,
                        "volumes of images need --image_providers=docker at the agent");
        std::string digests;
        std::size_t number = 0;
        for (const Volume& volume : spec.info->volumes()) {
            if (TEPUI_TRY(kind_of(volume)) != VolumeKind::image) continue;
            const auto mounted = mount_one(isolated, spec, plan, volume, number++, digests);
            if (!mounted)
                return fail_with(fmt::format("the volume at '{}'", volume.container_path()),
                                 mounted.error());
        }
        return {};
    }

    void recover(const Isolated& isolated) override {
        if (images_ == nullptr) return;
        std::istringstream digests(cgroups::read_file(isolated.runtime_dir + k_images_file));
        for (std::string digest; digests >> digest;)
            (void)images_->pin(digest, holder_of(isolated));
    }

    Result<void> cleanup(const Isolated& isolated) override {
        if (images_ == nullptr) return {};
        Result<void> result;
        for (std::size_t number = 0;; ++number) {
            const std::string name = name_of(isolated, number);
            if (::access(provisioner_->path_of(name).c_str(), F_OK) != 0) break;
            if (auto removed = provisioner_->remove(name); !removed) result = removed;
        }
        images_->unpin(holder_of(isolated));
        return result;
    }

    void sweep(const std::vector<Isolated>& living) override {
        if (!provisioner_) return;
        std::set<std::string> kept;
        for (const Isolated& isolated : living) kept.insert(isolated.name);
        for (const std::string& name : provisioner_->names())
            if (!kept.contains(name.substr(0, name.rfind('.')))) (void)provisioner_->remove(name);
    }

private:
    Result<void> mount_one(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan& plan,
                           const Volume& volume, std::size_t number, std::string& digests) {
        if (volume.image().type() != mesos::v1::Image::DOCKER || !volume.image().has_docker())
            return fail(Errc::unsupported, "only images of type DOCKER are known");
        const auto& docker = volume.image().docker();
        images::ImageRequest request;
        request.name = docker.name();
        request.cached = volume.image().cached();
        request.holder = holder_of(isolated);
        if (docker.has_config())
            request.config = TEPUI_TRY(
                TEPUI_TRY(make_secret_resolver(options_.volumes))->resolve(docker.config()));
        const std::atomic<bool> never = false;
        const images::StoredImage image = TEPUI_TRY(
            images_->get(request, isolated.cancelled != nullptr ? *isolated.cancelled : never, {}));
        digests += image.digest + "\n";
        TEPUI_CHECK_OK(store(isolated, digests));
        HostVolume mounted;
        mounted.source = TEPUI_TRY(provisioner_->provision(name_of(isolated, number), image.layers,
                                                           plan.user_namespace.get()));
        mounted.container_path = volume.container_path();
        mounted.read_only = volume.mode() == Volume::RO;
        mounted.flags = MS_NOSUID | MS_NODEV;
        return mount_volume(isolated, spec, plan, mounted);
    }

    static Result<void> store(const Isolated& isolated, const std::string& digests) {
        const std::string path = isolated.runtime_dir + k_images_file;
        const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file || ::write(file.get(), digests.data(), digests.size()) !=
                         static_cast<ssize_t>(digests.size()))
            return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
        return {};
    }

    const Options& options_;
    images::ImageStore* const images_;
    std::optional<oci::Provisioner> provisioner_;
};

}  // namespace

std::unique_ptr<Isolator> make_volume_image(const IsolatorContext& context) {
    return std::make_unique<VolumeImage>(context);
}

}  // namespace tepui::containerizer
