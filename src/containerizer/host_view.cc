#include "containerizer/host_view.h"

#include <algorithm>

#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // `capability_info`.

namespace tepui::containerizer {

Result<void> plan_view(const LaunchSpec& spec, const Isolation& isolation,
                       const SecurityOptions& security, bool may_isolate,
                       const std::string& parent_socket, LaunchPlan& plan) {
    if (spec.rlimits && spec.rlimits->rlimits_size() > 0) {
        if (!isolation.rlimits)
            return fail(Errc::unsupported,
                        "the limits of 'rlimit_info' need the isolator posix/rlimits in "
                        "--isolation");
        plan.rlimits = TEPUI_TRY(plan_rlimits(*spec.rlimits));
    }
    const bool shares_pids = spec.info && spec.info->linux_info().share_pid_namespace();
    if (shares_pids && !isolation.pid_namespace)
        return fail(Errc::unsupported,
                    "'share_pid_namespace' needs the isolator namespaces/pid in --isolation");
    const bool nested = !parent_socket.empty();
    if (shares_pids && nested && spec.info->mesos().has_image())
        return fail(Errc::unsupported,
                    "a nested container with an image has a pid namespace of its own: leave "
                    "'share_pid_namespace' away");
    if (shares_pids && !nested && security.disallow_sharing_agent_pid_namespace)
        return fail(Errc::denied,
                    "sharing the agent's pid namespace is forbidden here "
                    "(--disallow_sharing_agent_pid_namespace)");
    if (may_isolate && isolation.pid_namespace && !shares_pids) plan.flags |= SHIM_NEW_PID_NS;
    if (may_isolate && shares_pids && nested) plan.pid_namespace = parent_socket;
    if (may_isolate && isolation.mount_namespace) plan.flags |= SHIM_NEW_MOUNT_NS;
    return {};
}

Result<void> check_linux_info(const mesos::v1::LinuxInfo& info,
                              const std::vector<std::string>& names) {
    struct Need {
        bool asked;
        std::string_view what;
        std::string_view isolator;
    };
    const Need needs[] = {
        {info.has_effective_capabilities(), "effective_capabilities", "linux/capabilities"},
        {info.has_bounding_capabilities(), "bounding_capabilities", "linux/capabilities"},
        {info.has_capability_info(), "capability_info", "linux/capabilities"},
        {info.seccomp().has_profile_name(), "seccomp", "linux/seccomp"},
        {info.ipc_mode() == mesos::v1::LinuxInfo::PRIVATE, "ipc_mode", "namespaces/ipc"},
        {info.has_shm_size(), "shm_size", "namespaces/ipc"},
    };
    for (const Need& need : needs)
        if (need.asked && std::ranges::find(names, need.isolator) == names.end())
            return fail(Errc::unsupported,
                        "'{}' of linux_info needs the isolator {} in --isolation", need.what,
                        need.isolator);
    return {};
}

}  // namespace tepui::containerizer
