#include "agent/core/volumes.h"

#include <algorithm>

#include "resources/conversion.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using Source = v1::Resource::DiskInfo::Source;

std::string absolute(const std::string& work_dir, const std::string& root) {
    return root.starts_with('/') ? root : work_dir + "/" + root;
}

std::string role_of(const v1::Resource& resource) {
    std::string role =
        resource.reservations().empty() ? "*" : resource.reservations().rbegin()->role();
    std::ranges::replace(role, '/', ' ');
    return role;
}

bool uses(const std::string& work_dir, const ResourceList& resources, const std::string& path) {
    return std::ranges::any_of(resources, [&](const v1::Resource& resource) {
        return is_volume(resource) && volume_path(work_dir, resource) == path;
    });
}

}  // namespace

bool is_volume(const v1::Resource& resource) { return resource.disk().has_persistence(); }

bool has_volumes(const ResourceList& resources) {
    return std::ranges::any_of(resources, is_volume);
}

void add_volumes(const ResourceList& resources, ResourceList& volumes) {
    for (const v1::Resource& resource : resources) {
        if (is_volume(resource)) *volumes.Add() = resource;
    }
}

ResourceList volumes_of(State& state, const ExecutorRun& executor) {
    ResourceList volumes;
    add_volumes(executor.info.resources(), volumes);
    for (const TaskRun* task : live_tasks_of(state, executor)) {
        add_volumes(task->info.resources(), volumes);
    }
    return volumes;
}

ResourceList volumes_of_itself(const ExecutorRun& executor) {
    ResourceList volumes;
    add_volumes(executor.info.resources(), volumes);
    return volumes;
}

ResourceList volumes_of(State& state, const ContainerId& container) {
    if (const ExecutorRun* executor = find_executor(state, container)) {
        return executor->kind == ExecutorKind::custom ? volumes_of(state, *executor)
                                                      : volumes_of_itself(*executor);
    }
    ResourceList volumes;
    if (const TaskRun* task = find_task(state, container)) {
        add_volumes(task->info.resources(), volumes);
    }
    return volumes;
}

std::string volume_path(const std::string& work_dir, const v1::Resource& volume) {
    const Source& source = volume.disk().source();
    if (volume.disk().has_source() && source.type() == Source::MOUNT) {
        return absolute(work_dir, source.mount().root());
    }
    const bool path = volume.disk().has_source() && source.type() == Source::PATH;
    const std::string top = path ? absolute(work_dir, source.path().root()) : work_dir;
    return top + "/volumes/roles/" + role_of(volume) + "/" + volume.disk().persistence().id();
}

std::optional<std::string> not_kept(const State& state, const ResourceList& resources) {
    const auto wanted = Resources::parse(resources);
    if (!wanted) return wanted.error().text;
    const Resources special = checkpointed_part(*wanted);
    if (state.kept.contains(special)) return std::nullopt;
    return (special - state.kept).to_string();
}

bool is_in_use(const State& state, const std::string& path) {
    const std::string& work_dir = state.config.work_dir;
    for (const auto& [id, framework] : state.frameworks) {
        for (const auto& [task_id, task] : framework.tasks) {
            if (task.phase != Phase::ended && uses(work_dir, task.info.resources(), path))
                return true;
        }
        for (const auto& [executor_id, executor] : framework.executors) {
            if (executor.phase != ExecutorPhase::ended &&
                uses(work_dir, executor.info.resources(), path))
                return true;
        }
    }
    return false;
}

}  // namespace tepui::agent
