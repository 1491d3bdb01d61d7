#include "containerizer/limits.h"
#include "containerizer/linux_containerizer.h"

namespace tepui::containerizer {

Result<void> LinuxContainerizer::update(const ContainerId& id, const ContainerResources& resources,
                                        std::uint64_t sequence) {
    // One at a time, so that what is written last is what was asked for last.
    const std::lock_guard updating(update_mutex_);
    Shared container;
    {
        const std::lock_guard lock(mutex_);
        const auto found = containers_.find(id);
        if (found == containers_.end() || found->second->link == 0)
            return fail(Errc::not_found, "container '{}' does not run", id);
        if (sequence < found->second->update_sequence) return {};
        found->second->update_sequence = sequence;
        container = found->second;
    }
    const std::string& name = container->cgroup;
    if (name.empty()) return {};  // Its parent's limits are all that it has.
    TEPUI_CHECK_OK(groups_.update(name, make_limits(resources, options_)));
    for (Isolator* isolator : container->isolators)
        TEPUI_CHECK_OK(isolator->update(isolated(*container), resources));
    return {};
}

}  // namespace tepui::containerizer
