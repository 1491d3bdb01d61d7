#include "containerizer/isolators/persistent_volumes/persistent_volumes.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/descriptor.h"
#include "containerizer/isolators/persistent_volumes/mount_inside.h"
#include "containerizer/volumes/mount_volume.h"
#include "containerizer/volumes/sandbox.h"
#include "containerizer/volumes/trusted_path.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {
namespace {

using mesos::v1::Volume;
using SandboxPath = Volume::Source::SandboxPath;

constexpr const char* k_volumes_file = "/persistent-volumes";
constexpr const char* k_seen_file = "/persistent-volumes-sandbox";
constexpr std::string_view k_sandbox_variable = "MESOS_SANDBOX=";

Result<void> write_file(const std::string& path, const std::string& bytes) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file ||
        ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

bool is_namespaced(const LaunchPlan& plan) {
    return plan.root || (plan.flags & (SHIM_NEW_MOUNT_NS | SHIM_NEW_PID_NS)) != 0;
}

/// Where the container sees its sandbox; empty where it has no mounts of its own.
std::string sandbox_seen(const Isolated& isolated, const LaunchPlan& plan) {
    if (!is_namespaced(plan)) return "";
    if (!plan.root) return isolated.sandbox;
    for (const std::string& variable : plan.environment)
        if (variable.starts_with(k_sandbox_variable))
            return variable.substr(k_sandbox_variable.size());
    return "/mnt/mesos/sandbox";
}

std::string joined(const std::vector<std::string>& parts, std::size_t begin, std::size_t end) {
    std::string path;
    for (std::size_t i = begin; i < end; ++i) path += (path.empty() ? "" : "/") + parts[i];
    return path;
}

/// Its directory, really there; mounts and links lead to it alone.
Result<HostVolume> host_volume(const PersistentVolume& volume) {
    if (volume.container_path.starts_with('/'))
        return fail(Errc::invalid_argument, "'{}' is not a path in the sandbox",
                    volume.container_path);
    const TrustedPath found = TEPUI_TRY(look_up_trusted(volume.source, nullptr));
    if (!found.missing.empty() || !found.is_directory)
        return fail(Errc::not_found, "its directory '{}' is not there", volume.source);
    HostVolume mounted;
    mounted.source = found.path;
    mounted.container_path = volume.container_path;
    mounted.read_only = volume.read_only;
    mounted.flags = MS_NOSUID | MS_NODEV;
    return mounted;
}

struct InParent {
    const PersistentVolume* volume = nullptr;
    std::string rest;  // Of the path, in the volume.
};

InParent in_parent(const LaunchSpec& spec, const Volume& volume) {
    const SandboxPath& source = volume.source().sandbox_path();
    if (!volume.has_source() || volume.source().type() != Volume::Source::SANDBOX_PATH ||
        source.type() != SandboxPath::PARENT)
        return {};
    const auto wanted = clean_path(source.path());
    if (!wanted) return {};
    for (const PersistentVolume& each : spec.parent_volumes) {
        const auto own = clean_path(each.container_path);
        if (!own || own->empty() || own->size() > wanted->size()) continue;
        if (std::equal(own->begin(), own->end(), wanted->begin()))
            return {&each, joined(*wanted, own->size(), wanted->size())};
    }
    return {};
}

class PersistentVolumesIsolator final : public Isolator {
public:
    explicit PersistentVolumesIsolator(std::string work_dir) : work_dir_(std::move(work_dir)) {}

    std::string_view name() const override { return "persistent volumes"; }

    bool concerns(const LaunchSpec& spec) const override {
        return spec.takes_tasks || !spec.volumes.empty() || !spec.parent_volumes.empty();
    }

    Result<void> prepare(const Isolated& isolated, const LaunchSpec& spec,
                         LaunchPlan& plan) override {
        {
            const std::lock_guard lock(mutex_);
            entries_[isolated.name] = {spec.volumes, 0, sandbox_seen(isolated, plan)};
        }
        for (const PersistentVolume& volume : spec.volumes)
            if (const auto shown = show(isolated, spec, plan, volume); !shown)
                return fail_with(
                    fmt::format("the persistent volume at '{}'", volume.container_path),
                    shown.error());
        if (spec.info) TEPUI_CHECK_OK(show_those_of_parent(isolated, spec, plan));
        TEPUI_CHECK_OK(
            write_file(isolated.runtime_dir + k_seen_file, sandbox_seen(isolated, plan)));
        return write_file(isolated.runtime_dir + k_volumes_file, encode_volumes(spec.volumes));
    }

    void started(const Isolated& isolated, std::int64_t pid) override {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(isolated.name);
        if (found != entries_.end()) found->second.pid = pid;
    }

    void recover(const Isolated& isolated) override {
        const std::string path = isolated.runtime_dir + k_seen_file;
        if (::access(path.c_str(), F_OK) != 0) return;  // It never concerned us.
        const std::lock_guard lock(mutex_);
        entries_[isolated.name] = {stored_volumes(isolated), 0, cgroups::read_file(path)};
    }

    Result<void> update(const Isolated& isolated, const ContainerResources& resources) override {
        Entry entry;
        {
            const std::lock_guard lock(mutex_);
            const auto found = entries_.find(isolated.name);
            if (found == entries_.end()) return {};
            entry = found->second;
        }
        if (entry.volumes == resources.volumes) return {};
        const Result<void> changed = change(isolated, entry, resources.volumes);
        {
            const std::lock_guard lock(mutex_);
            const auto found = entries_.find(isolated.name);
            if (found != entries_.end()) found->second.volumes = entry.volumes;
        }
        TEPUI_CHECK_OK(
            write_file(isolated.runtime_dir + k_volumes_file, encode_volumes(entry.volumes)));
        return changed;
    }

    Result<void> cleanup(const Isolated& isolated) override {
        const std::lock_guard lock(mutex_);
        entries_.erase(isolated.name);
        return {};
    }

private:
    struct Entry {
        PersistentVolumes volumes;
        std::int64_t pid = 0;
        std::string seen;  // As sandbox_seen().
    };

    Result<void> show(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan& plan,
                      const PersistentVolume& volume) {
        const HostVolume mounted = TEPUI_TRY(host_volume(volume));
        TEPUI_CHECK_OK(give_to(isolated, plan, volume, mounted.source));
        return mount_volume(isolated, spec, plan, mounted);
    }

    /// The user of the only container that has it owns it. What is in it is left as it is.
    Result<void> give_to(const Isolated& isolated, const LaunchPlan& plan,
                         const PersistentVolume& volume, const std::string& directory) {
        if (!plan.user || volume.read_only) return {};
        {
            const std::lock_guard lock(mutex_);
            for (const auto& [name, entry] : entries_) {
                if (name == isolated.name) continue;
                const bool has = std::ranges::any_of(
                    entry.volumes, [&](const auto& each) { return each.source == volume.source; });
                if (has) return {};
            }
        }
        const Descriptor top(
            ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!top || ::fchown(top.get(), plan.user->uid, plan.user->gid) != 0)
            return fail(Errc::io, "giving '{}' to user '{}': {}", directory, plan.user->name,
                        errno_text());
        return {};
    }

    Result<void> show_those_of_parent(const Isolated& isolated, const LaunchSpec& spec,
                                      LaunchPlan& plan) {
        for (const Volume& volume : spec.info->volumes()) {
            const InParent found = in_parent(spec, volume);
            if (found.volume == nullptr) continue;
            PersistentVolume shown = *found.volume;
            shown.container_path = volume.container_path();
            if (!found.rest.empty()) {
                // Whoever writes there could put a link in the way of the mount.
                if (!shown.source.starts_with(work_dir_ + "/"))
                    return fail(Errc::unsupported,
                                "the volume at '{}' leads to a part of a persistent volume on a "
                                "disk of its own: name the whole volume",
                                volume.container_path());
                shown.source += "/" + found.rest;
            }
            HostVolume mounted;
            mounted.source = shown.source;
            if (found.rest.empty()) mounted = TEPUI_TRY(host_volume(shown));
            mounted.container_path = volume.container_path();
            mounted.read_only = found.volume->read_only || volume.mode() == Volume::RO;
            mounted.flags = MS_NOSUID | MS_NODEV;
            if (const auto done = mount_volume(isolated, spec, plan, mounted); !done)
                return fail_with(fmt::format("the volume at '{}'", volume.container_path()),
                                 done.error());
        }
        return {};
    }

    /// Takes away what is not wanted any more, then shows what is new; `entry` follows.
    Result<void> change(const Isolated& isolated, Entry& entry, const PersistentVolumes& wanted) {
        const auto has = [](const PersistentVolumes& list, const PersistentVolume& one) {
            return std::ranges::find(list, one) != list.end();
        };
        const PersistentVolumes before = entry.volumes;
        for (const PersistentVolume& volume : before) {
            if (has(wanted, volume)) continue;
            TEPUI_CHECK_OK(hide(isolated, entry, volume));
            std::erase(entry.volumes, volume);
        }
        for (const PersistentVolume& volume : wanted) {
            if (has(entry.volumes, volume)) continue;
            if (const auto shown = show_late(isolated, entry, volume); !shown)
                return fail_with(
                    fmt::format("the persistent volume at '{}'", volume.container_path),
                    shown.error());
            entry.volumes.push_back(volume);
        }
        return {};
    }

    Result<void> show_late(const Isolated& isolated, const Entry& entry,
                           const PersistentVolume& volume) {
        const HostVolume mounted = TEPUI_TRY(host_volume(volume));
        const Sandbox sandbox = TEPUI_TRY(open_sandbox(isolated.sandbox, false));
        struct stat stat{};
        if (::fstat(sandbox.descriptor.get(), &stat) != 0)
            return fail(Errc::io, "'{}': {}", isolated.sandbox, errno_text());
        LaunchPlan plan;  // Begun as that of the container was: for where the volume goes.
        plan.user = User{std::to_string(stat.st_uid), stat.st_uid, stat.st_gid, {}};
        plan.flags = entry.seen.empty() ? 0 : SHIM_NEW_MOUNT_NS;
        TEPUI_CHECK_OK(give_to(isolated, plan, volume, mounted.source));
        TEPUI_CHECK_OK(mount_volume(isolated, LaunchSpec{}, plan, mounted));
        if (entry.seen.empty()) return {};
        if (entry.pid <= 0) return fail(Errc::not_found, "the container's process is not known");
        const auto parts = TEPUI_TRY(clean_path(volume.container_path));
        return mount_inside(static_cast<pid_t>(entry.pid), mounted.source, entry.seen,
                            joined(parts, 0, parts.size()), volume.read_only);
    }

    static Result<void> hide(const Isolated& isolated, const Entry& entry,
                             const PersistentVolume& volume) {
        const auto parts = TEPUI_TRY(clean_path(volume.container_path));
        if (!entry.seen.empty()) {
            if (entry.pid <= 0) return {};
            return unmount_inside(static_cast<pid_t>(entry.pid), entry.seen,
                                  joined(parts, 0, parts.size()));
        }
        const Sandbox sandbox = TEPUI_TRY(open_sandbox(isolated.sandbox, false));
        const std::string above = joined(parts, 0, parts.size() - 1);
        const auto parent = open_beneath(sandbox.descriptor.get(), above.empty() ? "." : above,
                                         O_RDONLY | O_DIRECTORY);
        if (!parent) return {};
        struct stat stat{};
        const char* name = parts.back().c_str();
        if (::fstatat(parent->get(), name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(stat.st_mode))
            (void)!::unlinkat(parent->get(), name, 0);
        return {};
    }

    const std::string work_dir_;
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;  // By name.
};

}  // namespace

std::unique_ptr<Isolator> make_persistent_volumes(const IsolatorContext& context) {
    return std::make_unique<PersistentVolumesIsolator>(context.options.work_dir);
}

PersistentVolumes stored_volumes(const Isolated& isolated) {
    return decode_volumes(cgroups::read_file(isolated.runtime_dir + k_volumes_file))
        .value_or(PersistentVolumes{});
}

bool leads_into_parent_volume(const LaunchSpec& spec, const Volume& volume) {
    return in_parent(spec, volume).volume != nullptr;
}

}  // namespace tepui::containerizer
