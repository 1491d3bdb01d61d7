#include "containerizer/isolators/volume_sandbox_path/volume_sandbox_path.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "containerizer/beneath.h"
#include "containerizer/isolators/persistent_volumes/persistent_volumes.h"
#include "containerizer/volumes/mount_volume.h"
#include "containerizer/volumes/sandbox.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {
namespace {

using mesos::v1::Volume;
using SandboxPath = Volume::Source::SandboxPath;

// The members of a pod may run as different users. Nobody else reaches it: sandboxes are 0750.
constexpr mode_t k_shared_mode = 01777;

class VolumeSandboxPath final : public Isolator {
public:
    std::string_view name() const override { return "volume/sandbox_path"; }

    bool concerns(const LaunchSpec& spec) const override {
        return spec.info && has_volume(*spec.info, VolumeKind::sandbox_path);
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override {
        for (const Volume& volume : spec.info->volumes()) {
            if (TEPUI_TRY(kind_of(volume)) != VolumeKind::sandbox_path) continue;
            if (leads_into_parent_volume(spec, volume)) continue;  // It is mounted itself.
            const Result<void> mounted = mount_one(isolated, spec, plan, volume);
            if (!mounted)
                return fail_with(fmt::format("the volume at '{}'", volume.container_path()),
                                 mounted.error());
        }
        return {};
    }

private:
    static Result<void> mount_one(const Isolated& isolated, const LaunchSpec& spec,
                                  LaunchPlan& plan, const Volume& volume) {
        const bool legacy = !volume.has_source();
        const SandboxPath& source = volume.source().sandbox_path();
        const std::string path = legacy ? volume.host_path() : source.path();
        const bool nested = spec.parent.has_value();
        const bool of_parent = !legacy && source.type() == SandboxPath::PARENT;
        if (!legacy && source.type() != SandboxPath::SELF && !of_parent)
            return fail(Errc::invalid_argument, "a sandbox path is of SELF or of PARENT");
        if (of_parent && !nested)
            return fail(Errc::invalid_argument,
                        "only a task of a pod has a sandbox above its own: use SELF");
        namespace fs = std::filesystem;
        const std::string directory =
            of_parent ? fs::path(isolated.sandbox).parent_path().parent_path().string()
                      : isolated.sandbox;
        const Sandbox sandbox = TEPUI_TRY(open_sandbox(directory, nested && !of_parent));
        const auto parts = TEPUI_TRY(clean_path(path));
        if (parts.empty()) return fail(Errc::invalid_argument, "the sandbox path is empty");
        std::string source_path = sandbox.path;
        for (const std::string& part : parts) source_path += "/" + part;
        HostVolume mounted;
        mounted.is_directory = TEPUI_TRY(make(sandbox, path, plan, of_parent));
        mounted.source = source_path;
        mounted.container_path = volume.container_path();
        mounted.read_only = volume.mode() == Volume::RO;
        mounted.flags = MS_NOSUID | MS_NODEV;
        return mount_volume(isolated, spec, plan, mounted);
    }

    /// Whether it is a directory; it is made as one when there is nothing.
    static Result<bool> make(const Sandbox& sandbox, const std::string& path,
                             const LaunchPlan& plan, bool shared) {
        const int top = sandbox.descriptor.get();
        struct stat stat{};
        if (const auto there = open_beneath(top, path, O_PATH); there) {
            if (::fstat(there->get(), &stat) != 0) return fail(Errc::io, "{}", errno_text());
            if (!S_ISDIR(stat.st_mode) && !S_ISREG(stat.st_mode))
                return fail(Errc::invalid_argument, "'{}' is neither directory nor file", path);
            return S_ISDIR(stat.st_mode);
        } else if (there.error().code != Errc::not_found) {
            return std::unexpected(there.error());
        }
        if (::fstat(top, &stat) != 0) return fail(Errc::io, "{}", errno_text());
        TEPUI_CHECK_OK(make_owned_directories(top, path, stat.st_uid, stat.st_gid));
        const uid_t user = plan.user ? plan.user->uid : 0;
        if (!shared || user == 0 || user == stat.st_uid) return true;
        const Descriptor made = TEPUI_TRY(open_beneath(top, path, O_RDONLY | O_DIRECTORY));
        if (::fchmod(made.get(), k_shared_mode) != 0) return fail(Errc::io, "{}", errno_text());
        return true;
    }
};

}  // namespace

std::unique_ptr<Isolator> make_volume_sandbox_path(const IsolatorContext&) {
    return std::make_unique<VolumeSandboxPath>();
}

}  // namespace tepui::containerizer
