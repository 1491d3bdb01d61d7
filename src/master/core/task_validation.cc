#include "master/core/task_validation.h"

#include <cmath>
#include <map>
#include <set>
#include <string>

#include "base/quantity.h"
#include "master/core/check_validation.h"
#include "resources/id_validation.h"

namespace tepui::master {

namespace {

using mesos::v1::CommandInfo;
using mesos::v1::ContainerInfo;
using mesos::v1::TaskInfo;

template <typename... Args>
std::unexpected<Error> invalid(fmt::format_string<Args...> format, Args&&... args) {
    return fail(Errc::invalid_argument, format, std::forward<Args>(args)...);
}

Result<void> validate_environment(const mesos::v1::Environment& environment) {
    using Variable = mesos::v1::Environment::Variable;
    for (const Variable& variable : environment.variables()) {
        if (variable.type() == Variable::SECRET) {
            if (!variable.has_secret()) {
                return invalid("Environment variable '{}' of type SECRET has no secret",
                               variable.name());
            }
            if (variable.has_value()) {
                return invalid("Environment variable '{}' of type SECRET has a value",
                               variable.name());
            }
        } else if (!variable.has_value()) {
            return invalid("Environment variable '{}' has no value", variable.name());
        }
    }
    return {};
}

}  // namespace

Result<void> validate_command(const CommandInfo& command, bool image_may_give_it) {
    TEPUI_CHECK_OK(validate_environment(command.environment()));
    if (command.shell() && !command.has_value() && !image_may_give_it) {
        return invalid("A shell command has no value");
    }
    if (!command.shell() && !command.has_value() && !image_may_give_it) {
        return invalid("The command names no program");
    }
    for (const CommandInfo::URI& uri : command.uris()) {
        if (uri.value().empty()) return invalid("A URI to fetch is empty");
    }
    return {};
}

Result<void> validate_container(const ContainerInfo& container) {
    if (container.type() == ContainerInfo::DOCKER && !container.has_docker()) {
        return invalid("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo");
    }
    for (const mesos::v1::Volume& volume : container.volumes()) {
        if (volume.container_path().empty()) return invalid("A volume has no container_path");
    }
    return {};
}

namespace {

Result<void> validate_limits(const TaskInfo& task) {
    for (const auto& [name, limit] : task.limits()) {
        if (name != "cpus" && name != "mem") {
            return invalid("Task has a limit of '{}'; only cpus and mem can be limited", name);
        }
        if (std::isnan(limit.value())) return invalid("The limit of {} is not a number", name);
        Quantity requested;
        for (const auto& resource : task.resources()) {
            if (resource.name() == name) {
                requested += Quantity::from_double(resource.scalar().value());
            }
        }
        if (Quantity::from_double(limit.value()) < requested) {
            return invalid("The limit of {} ({}) is below the request ({})", name, limit.value(),
                           to_string(requested));
        }
    }
    return {};
}

Result<void> validate_resources(const TaskInfo& task) {
    if (task.resources().empty()) return invalid("Task uses no resources");
    std::set<std::string> roles;
    std::set<std::string> persistence_ids;
    std::map<std::string, bool> revocable;
    for (const mesos::v1::Resource& resource : task.resources()) {
        if (resource.has_allocation_info()) roles.insert(resource.allocation_info().role());
        const auto [it, first] = revocable.emplace(resource.name(), resource.has_revocable());
        if (!first && it->second != resource.has_revocable()) {
            return invalid("Task mixes revocable and non-revocable {}", resource.name());
        }
        if (resource.disk().has_persistence() &&
            !persistence_ids.insert(resource.disk().persistence().id()).second) {
            return invalid("Task uses persistence id '{}' twice",
                           resource.disk().persistence().id());
        }
    }
    if (roles.size() > 1) return invalid("The resources of a task have different allocation roles");
    return {};
}

}  // namespace

Result<void> validate_task(const TaskInfo& task, const AgentId& offered_agent, TaskPlace place) {
    TEPUI_CHECK_OK(validate_id("task id", task.task_id().value()));
    if (task.agent_id().value() != offered_agent.value) {
        return invalid("Task uses invalid agent {} while agent {} is expected",
                       task.agent_id().value(), offered_agent);
    }
    if (place == TaskPlace::alone && task.has_executor() == task.has_command()) {
        return invalid("Task should have exactly one of CommandInfo or ExecutorInfo present");
    }
    TEPUI_CHECK_OK(validate_resources(task));
    if (task.kill_policy().grace_period().nanoseconds() < 0) {
        return invalid("Task's 'kill_policy.grace_period' must be non-negative");
    }
    if (task.max_completion_time().nanoseconds() < 0) {
        return invalid("Task's 'max_completion_time' must be non-negative");
    }
    if (task.has_command()) {
        TEPUI_CHECK_OK(validate_command(task.command(), task.has_container()));
    }
    if (task.has_container()) TEPUI_CHECK_OK(validate_container(task.container()));
    if (task.has_health_check()) TEPUI_CHECK_OK(validate_health_check(task.health_check()));
    if (task.has_check()) TEPUI_CHECK_OK(validate_check(task.check()));
    return validate_limits(task);
}

}  // namespace tepui::master
