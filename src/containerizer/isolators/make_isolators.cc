// The table of isolators: a line each, in the order in which they prepare a container.

#include <algorithm>

#include "containerizer/isolation.h"
#include "containerizer/isolator.h"
#include "containerizer/isolators/cgroup_isolators.h"
#include "containerizer/isolators/disk_du/disk_du.h"
#include "containerizer/isolators/disk_xfs/disk_xfs.h"
#include "containerizer/isolators/docker_runtime/docker_runtime.h"
#include "containerizer/isolators/docker_volume/docker_volume.h"
#include "containerizer/isolators/gpu_nvidia/gpu_nvidia.h"
#include "containerizer/isolators/linux_capabilities/linux_capabilities.h"
#include "containerizer/isolators/linux_devices/linux_devices.h"
#include "containerizer/isolators/linux_nnp/linux_nnp.h"
#include "containerizer/isolators/linux_seccomp/linux_seccomp.h"
#include "containerizer/isolators/namespaces_ipc/namespaces_ipc.h"
#include "containerizer/isolators/network_cni/network_cni.h"
#include "containerizer/isolators/network_ports/network_ports.h"
#include "containerizer/isolators/persistent_volumes/persistent_volumes.h"
#include "containerizer/isolators/posix_usage/posix_usage.h"
#include "containerizer/isolators/volume_host_path/volume_host_path.h"
#include "containerizer/isolators/volume_image/volume_image.h"
#include "containerizer/isolators/volume_sandbox_path/volume_sandbox_path.h"
#include "containerizer/isolators/volume_secret/volume_secret.h"
#include "containerizer/volumes/volume.h"

namespace tepui::containerizer {

namespace {

/// A name that parse_isolation() takes and nobody here does anything for.
Result<void> check_made(const std::vector<std::string>& names,
                        const std::vector<std::unique_ptr<Isolator>>& isolators) {
    for (const std::string& name : names) {
        const std::string_view made = name == "posix/disk" ? "disk/du" : std::string_view(name);
        const bool found = std::ranges::any_of(
            isolators, [made](const auto& isolator) { return isolator->name() == made; });
        if (!found && !is_woven_in(name))
            return fail(Errc::unsupported, "the isolator {} is not in this version", name);
    }
    return {};
}

}  // namespace

Result<std::vector<std::unique_ptr<Isolator>>> make_isolators(const IsolatorContext& context) {
    const auto enabled = [&](std::string_view name) {
        return is_enabled(context.options.isolation, name);
    };
    std::vector<std::unique_ptr<Isolator>> isolators;
    if (enabled("docker/runtime")) isolators.push_back(make_docker_runtime(context));  // First.
    isolators.push_back(make_persistent_volumes(context));
    if (enabled("volume/host_path")) isolators.push_back(make_volume_host_path(context));
    if (enabled("volume/sandbox_path")) isolators.push_back(make_volume_sandbox_path(context));
    if (enabled("volume/image")) isolators.push_back(make_volume_image(context));
    if (enabled("docker/volume")) isolators.push_back(make_docker_volume(context));
    if (enabled("volume/secret")) isolators.push_back(TEPUI_TRY(make_volume_secret(context)));
    if (enabled("disk/du")) isolators.push_back(make_disk_du(context));
    if (enabled("disk/xfs")) isolators.push_back(make_disk_xfs(context));
    if (enabled("gpu/nvidia")) isolators.push_back(make_gpu_nvidia(context));
    if (enabled("posix/cpu") || enabled("posix/mem"))
        isolators.push_back(make_posix_usage(context));
    if (enabled("network/cni")) isolators.push_back(make_network_cni(context));
    if (enabled("network/ports")) isolators.push_back(make_network_ports(context));
    if (enabled("namespaces/ipc")) isolators.push_back(make_namespaces_ipc(context));
    if (enabled("linux/capabilities"))
        isolators.push_back(TEPUI_TRY(make_linux_capabilities(context)));
    if (enabled("linux/nnp")) isolators.push_back(make_linux_nnp(context));
    if (enabled("linux/seccomp"))  // Knows the capabilities by then.
        isolators.push_back(TEPUI_TRY(make_linux_seccomp(context)));
    if (enabled("linux/devices")) isolators.push_back(make_linux_devices(context));
    add_cgroup_isolators(context, isolators);  // Last: devices are known by then.
    TEPUI_CHECK_OK(check_made(context.options.isolation, isolators));
    return isolators;
}

}  // namespace tepui::containerizer
