// How the isolators have their say in a container's life.

#include <fcntl.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "containerizer/cgroups/files.h"
#include "containerizer/linux_containerizer.h"
#include "containerizer/names.h"

namespace tepui::containerizer {
namespace {

// Where a container's sandbox is, for a later agent.
constexpr const char* k_sandbox_file = "sandbox";

}  // namespace

Isolated LinuxContainerizer::isolated(const Container& container) const {
    return {.container = container.id,
            .name = container.name,
            .runtime_dir = runtime_path(container.name),
            .sandbox = container.sandbox,
            .cgroup = container.cgroup,
            .parent = container.parent ? runtime_path(container.parent->name) : "",
            .cancelled = &container.cancelled};
}

Isolated LinuxContainerizer::isolated(const std::string& name) const {
    const Nest nest = read_nest(name);
    return {.container = {},
            .name = name,
            .runtime_dir = runtime_path(name),
            .sandbox = cgroups::read_file(runtime_path(name) + "/" + k_sandbox_file),
            .cgroup = nest.cgroup,
            .parent = nest.parent.empty() ? "" : runtime_path(nest.parent)};
}

Result<void> LinuxContainerizer::write_sandbox_path(const Container& container) const {
    const std::string path = runtime_path(container.name) + "/" + k_sandbox_file;
    const std::string& text = container.sandbox;
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail(Errc::io, "cannot write '{}': {}", path, errno_text());
    return {};
}

Result<void> LinuxContainerizer::prepare_isolators(const Container& container,
                                                   const LaunchSpec& spec, LaunchPlan& plan) {
    if (container.isolators.empty()) return {};
    TEPUI_CHECK_OK(write_sandbox_path(container));
    for (Isolator* isolator : container.isolators)
        TEPUI_CHECK_OK(isolator->prepare(isolated(container), spec, plan));
    return {};
}

void LinuxContainerizer::tell_started(const Shared& container) {
    const std::lock_guard telling(container->telling);  // The end is not told before.
    OnStarted started;
    std::int64_t pid = 0;
    {
        const std::lock_guard lock(mutex_);
        started = std::exchange(container->started, nullptr);
        pid = container->task_pid;
    }
    if (!started) return;
    for (Isolator* isolator : container->isolators) isolator->started(isolated(*container), pid);
    started(Started{pid, container_status(*container)});
}

void LinuxContainerizer::clean_up_isolators(const Isolated& isolated) {
    std::vector<Isolator*> all;
    for (const auto& isolator : isolators_) all.push_back(isolator.get());
    clean_up_isolators(isolated, all);
}

void LinuxContainerizer::clean_up_isolators(const Isolated& isolated,
                                            const std::vector<Isolator*>& isolators) {
    for (Isolator* isolator : std::ranges::reverse_view(isolators)) {
        const Result<void> cleaned = isolator->cleanup(isolated);
        if (cleaned) continue;
        ++destroy_errors_;
        warn(fmt::format("isolator {} left something of container {}: {}", isolator->name(),
                         isolated.name, cleaned.error().text));
    }
}

void LinuxContainerizer::on_limit(const ContainerId& id, LimitHit limit) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = containers_.find(id);
        if (found == containers_.end()) return;
        if (!found->second->limit) found->second->limit = std::move(limit);
    }
    destroy(id);
}

mesos::v1::ContainerStatus LinuxContainerizer::container_status(const Container& container) {
    mesos::v1::ContainerStatus status;
    for (Isolator* isolator : container.isolators) isolator->status(isolated(container), status);
    return status;
}

}  // namespace tepui::containerizer
