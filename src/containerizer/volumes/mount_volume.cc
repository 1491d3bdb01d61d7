#include "containerizer/volumes/mount_volume.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "containerizer/beneath.h"
#include "containerizer/volumes/sandbox.h"
#include "containerizer/volumes/trusted_path.h"

namespace tepui::containerizer {
namespace {

constexpr std::string_view k_sandbox_variable = "MESOS_SANDBOX=";
constexpr const char* k_sandbox_in_root = "/mnt/mesos/sandbox";

uid_t owner_of(const LaunchPlan& plan) { return plan.user ? plan.user->uid : ::geteuid(); }
gid_t group_of(const LaunchPlan& plan) { return plan.user ? plan.user->gid : ::getegid(); }

std::string join(const std::vector<std::string>& parts) {
    std::string path;
    for (const std::string& part : parts) path += (path.empty() ? "" : "/") + part;
    return path;
}

/// Where the container sees its sandbox.
std::string sandbox_seen(const LaunchPlan& plan, const std::string& real) {
    if (!plan.root) return real;
    for (const std::string& variable : plan.environment)
        if (variable.starts_with(k_sandbox_variable))
            return variable.substr(k_sandbox_variable.size());
    return k_sandbox_in_root;
}

/// Makes what is mounted on, beneath the sandbox.
Result<void> make_place(int sandbox, std::vector<std::string> parts, const HostVolume& volume,
                        const LaunchPlan& plan) {
    const uid_t owner = owner_of(plan);
    const gid_t group = group_of(plan);
    if (volume.is_directory) return make_owned_directories(sandbox, join(parts), owner, group);
    const std::string path = join(parts);
    parts.pop_back();
    if (!parts.empty()) TEPUI_CHECK_OK(make_owned_directories(sandbox, join(parts), owner, group));
    const Descriptor file =
        TEPUI_TRY(open_beneath(sandbox, path, O_RDONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600));
    struct stat stat{};
    if (::fstat(file.get(), &stat) != 0 || !S_ISREG(stat.st_mode))
        return fail(Errc::conflict, "'{}' in the sandbox is no file to mount on", path);
    (void)!::fchown(file.get(), owner, group);
    return {};
}

/// Without a mount namespace, as filesystem/posix does it.
Result<void> link_volume(int sandbox, std::vector<std::string> parts, const HostVolume& volume,
                         const LaunchPlan& plan) {
    if (volume.read_only || (volume.flags & MS_RDONLY) != 0)
        return fail(Errc::unsupported,
                    "the volume at '{}' is to be read-only: that needs filesystem/linux in "
                    "--isolation",
                    volume.container_path);
    const std::string name = parts.back();
    parts.pop_back();
    TEPUI_CHECK_OK(make_owned_directories(sandbox, join(parts), owner_of(plan), group_of(plan)));
    const Descriptor parent = TEPUI_TRY(make_directories_beneath(sandbox, parts, 0755));
    if (::symlinkat(volume.source.c_str(), parent.get(), name.c_str()) != 0)
        return fail(Errc::io, "the volume at '{}' cannot be linked: {}", volume.container_path,
                    errno_text());
    return {};
}

Result<std::string> host_target(const HostVolume& volume, LaunchPlan& plan) {
    const TrustedPath target = TEPUI_TRY(look_up_trusted(volume.container_path, nullptr));
    if (!target.missing.empty())
        return fail(Errc::invalid_argument,
                    "'{}' does not exist on this host, whose file system the container has: give "
                    "a path in the sandbox, or an image",
                    volume.container_path);
    if (target.is_directory != volume.is_directory || target.path == "/")
        return fail(Errc::invalid_argument, "'{}' is {}: the volume cannot be mounted there",
                    volume.container_path, target.is_directory ? "a directory" : "a file");
    if (plan.user && plan.user->uid != 0) plan.no_new_privileges = true;
    return target.path;
}

}  // namespace

Result<void> make_owned_directories(int directory, const std::string& path, uid_t owner,
                                    gid_t group) {
    if (path.empty()) return {};
    std::vector<std::string> made;
    for (const std::string& part : TEPUI_TRY(clean_path(path))) {
        made.push_back(part);
        const bool existed =
            open_beneath(directory, join(made), O_RDONLY | O_DIRECTORY).has_value();
        const Descriptor one = TEPUI_TRY(make_directories_beneath(directory, made, 0755));
        if (!existed && ::fchown(one.get(), owner, group) != 0)
            return fail(Errc::io, "'{}': {}", path, errno_text());
    }
    return {};
}

Result<void> mount_volume(const Isolated& isolated, const LaunchSpec& spec, LaunchPlan& plan,
                          const HostVolume& volume) {
    MountPlan mount;
    mount.source = volume.source;
    mount.flags = volume.flags | (volume.read_only ? MS_RDONLY : 0);
    const bool absolute = volume.container_path.starts_with('/');
    const bool namespaced = plan.root || (plan.flags & (SHIM_NEW_MOUNT_NS | SHIM_NEW_PID_NS)) != 0;
    if (volume.bidirectional) {
        if (!namespaced)
            return fail(Errc::unsupported,
                        "the volume at '{}' propagates mounts: that needs filesystem/linux in "
                        "--isolation",
                        volume.container_path);
        mount.flags |= MS_SHARED;
    }
    if (absolute && !namespaced)
        return fail(Errc::unsupported,
                    "the volume at '{}' has an absolute path: that needs filesystem/linux in "
                    "--isolation",
                    volume.container_path);
    if (absolute) {
        std::string_view beneath_root = volume.container_path;
        while (beneath_root.starts_with('/')) beneath_root.remove_prefix(1);
        const auto parts = TEPUI_TRY(clean_path(beneath_root));
        mount.target = plan.root ? "/" + join(parts) : TEPUI_TRY(host_target(volume, plan));
        plan.mounts.push_back(std::move(mount));
        return {};
    }
    const auto parts = TEPUI_TRY(clean_path(volume.container_path));
    if (parts.empty())
        return fail(Errc::invalid_argument, "'{}' is the sandbox itself", volume.container_path);
    const Sandbox sandbox = TEPUI_TRY(open_sandbox(isolated.sandbox, spec.parent.has_value()));
    if (!namespaced) return link_volume(sandbox.descriptor.get(), parts, volume, plan);
    const auto made = make_place(sandbox.descriptor.get(), parts, volume, plan);
    if (!made)
        return fail_with(fmt::format("the volume at '{}'", volume.container_path), made.error());
    mount.target = sandbox_seen(plan, sandbox.path) + "/" + join(parts);
    plan.mounts.push_back(std::move(mount));
    return {};
}

}  // namespace tepui::containerizer
