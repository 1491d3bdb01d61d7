// Containers within containers: a pod and its tasks.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "containerizer/beneath.h"
#include "containerizer/cgroups/files.h"
#include "containerizer/isolators/docker_runtime/docker_runtime.h"
#include "containerizer/linux_containerizer.h"
#include "containerizer/names.h"

namespace tepui::containerizer {

Result<void> LinuxContainerizer::enter_parent(Container& container, const LaunchSpec& spec) {
    if (!spec.parent) return {};
    const auto found = containers_.find(*spec.parent);
    if (found == containers_.end() || found->second->link == 0 || found->second->closed ||
        found->second->cancelled)
        return fail(Errc::not_found, "container '{}', which '{}' belongs in, does not run",
                    *spec.parent, spec.container);
    container.parent = found->second;
    // An OCI runtime wants a cgroup of its own; without limits it shares the parent's.
    container.cgroup = spec.share_cgroups && !has_image(spec)
                           ? ""
                           : cgroup_of(*container.parent) + "/" + container.name;
    ++container.parent->nested;
    return {};
}

const std::string& LinuxContainerizer::cgroup_of(const Container& container) {
    const Container* each = &container;
    while (each->cgroup.empty() && each->parent) each = each->parent.get();
    return each->cgroup;
}

Result<void> LinuxContainerizer::write_nest(const Container& container) const {
    if (!container.parent) return {};
    const std::string path = runtime_path(container.name) + "/" + k_nest_file;
    const std::string text = encode_nest({container.parent->name, container.cgroup});
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

void LinuxContainerizer::show_in_parent(const LaunchSpec& spec) const {
    // <parent's sandbox>/containers/<own>; the link is for people and may be in a task's way.
    namespace fs = std::filesystem;
    const fs::path own(spec.sandbox);
    const fs::path parent = own.parent_path().parent_path();
    const fs::path link = parent / spec.shown_as;
    const fs::path relative = fs::path(link.parent_path()).lexically_relative(options_.work_dir);
    const auto parts = clean_path(relative.string());
    if (!parts) return;
    const auto directory = make_directories_beneath(work_dir_.get(), *parts, 0755);
    if (!directory) return;
    const std::string target = own.lexically_relative(link.parent_path()).string();
    const std::string name = link.filename().string();
    if (::symlinkat(target.c_str(), directory->get(), name.c_str()) == 0 || errno != EEXIST) return;
    // An earlier run of the same task.
    ::unlinkat(directory->get(), name.c_str(), 0);
    (void)!::symlinkat(target.c_str(), directory->get(), name.c_str());
}

Nest LinuxContainerizer::read_nest(const std::string& name) const {
    return parse_nest(cgroups::read_file(runtime_path(name) + "/" + k_nest_file), name);
}

void LinuxContainerizer::on_closed(const Shared& container) {
    bool waits = false;
    {
        const std::lock_guard lock(mutex_);
        container->closed = true;
        waits = container->nested > 0;
    }
    if (waits)
        kill_nested(container);  // The last of them finishes it.
    else
        finish(container);
}

void LinuxContainerizer::kill_nested(const Shared& parent) {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, container] : containers_) {
        if (container->parent != parent) continue;
        container->orphaned = true;
        container->cancelled = true;
        if (container->link != 0)
            links_.send(container->link, SIGKILL);
        else
            container->signals_waiting.push_back(SIGKILL);
    }
}

void LinuxContainerizer::leave_parent(const Shared& container) {
    const Shared parent = container->parent;
    if (!parent) return;
    {
        const std::lock_guard lock(mutex_);
        if (--parent->nested > 0 || !parent->closed) return;
    }
    workers_.submit([this, parent] { finish(parent); });
}

}  // namespace tepui::containerizer
