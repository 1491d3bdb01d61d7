#include "containerizer/isolators/controller_isolator.h"

namespace tepui::containerizer {

ControllerIsolator::ControllerIsolator(const IsolatorContext& context, std::string_view name,
                                       std::string_view controller)
    : name_(name), controller_(controller), options_(context.options), groups_(context.groups) {}

Result<void> ControllerIsolator::prepare_machine() {
    if (!groups_.directory(controller_, "any").empty()) return {};
    return fail(
        Errc::unsupported,
        "this machine has no cgroup controller '{0}' in use; the kernel must have it (see "
        "/proc/cgroups), and a v1 one must be mounted, as in: mount -t cgroup -o {0} cgroup "
        "/sys/fs/cgroup/{0}",
        controller_);
}

std::string ControllerIsolator::directory(const Isolated& isolated) const {
    return isolated.cgroup.empty() ? std::string{}
                                   : groups_.directory(controller_, isolated.cgroup);
}

}  // namespace tepui::containerizer
