// Containers with a root filesystem of their own: what the isolators asked for becomes the bundle
// of an OCI runtime.

#include <algorithm>

#include "containerizer/isolators/docker_runtime/docker_runtime.h"
#include "containerizer/linux_containerizer.h"
#include "containerizer/oci/bundle.h"
#include "containerizer/oci/cgroups_left.h"

namespace tepui::containerizer {

Result<void> LinuxContainerizer::finish_plan(const Container& container, LaunchPlan& plan) const {
    if (!plan.root) return {};
    const oci::Provisioner provisioner(provisioner_dir(options_), oci::Backend::overlay);
    TEPUI_CHECK_OK(provisioner.hold_sources(container.name, options_.work_dir, plan.mounts,
                                            plan.user_namespace.get()));
    const std::string cgroups_path = "/" + options_.cgroups_root + "/" + container.cgroup;
    plan.bundle = runtime_path(container.name) + "/oci";
    plan.config = TEPUI_TRY(oci::make_config(plan, cgroups_path));
    plan = oci::plan_for_shim(std::move(plan));
    // The runtime puts the task there; what runs beside it has no more devices than it has.
    const std::string devices = oci::devices_cgroup(cgroups_path);
    if (!devices.empty() && std::ranges::find(plan.cgroups, devices) == plan.cgroups.end())
        plan.cgroups.push_back(devices);
    return {};
}

}  // namespace tepui::containerizer
