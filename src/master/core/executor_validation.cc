#include "master/core/executor_validation.h"

#include <map>
#include <set>
#include <string>

#include "base/quantity.h"
#include "master/core/task_validation.h"
#include "resources/id_validation.h"
#include "resources/redaction.h"

namespace tepui::master {

namespace {

using mesos::v1::ContainerInfo;
using mesos::v1::ExecutorInfo;
using mesos::v1::TaskInfo;

// The least a default executor runs with: semantics 4.
constexpr double cpus_min = 0.01;
constexpr double mem_min_mb = 32;

template <typename... Args>
std::unexpected<Error> invalid(fmt::format_string<Args...> format, Args&&... args) {
    return fail(Errc::invalid_argument, format, std::forward<Args>(args)...);
}

Result<void> validate_resources(const ExecutorInfo& executor) {
    const std::string& id = executor.executor_id().value();
    std::map<std::string, bool> revocable;
    std::set<std::string> roles;
    for (const mesos::v1::Resource& resource : executor.resources()) {
        if (resource.has_allocation_info()) roles.insert(resource.allocation_info().role());
        const auto [it, first] = revocable.emplace(resource.name(), resource.has_revocable());
        if (!first && it->second != resource.has_revocable()) {
            return invalid("Executor '{}' mixes revocable and non-revocable {}", id,
                           resource.name());
        }
    }
    if (roles.size() > 1) {
        return invalid("The resources of executor '{}' have different allocation roles", id);
    }
    auto parsed = Resources::parse(executor.resources());
    if (!parsed) {
        return fail_with(fmt::format("Executor '{}' uses invalid resources", id), parsed.error());
    }
    if (executor.type() != ExecutorInfo::DEFAULT) return {};
    if (parsed->scalar("cpus") < Quantity::from_double(cpus_min)) {
        return invalid("Executor '{}' has {} cpus, but needs at least {}", id,
                       to_string(parsed->scalar("cpus")), cpus_min);
    }
    if (parsed->scalar("mem") < Quantity::from_double(mem_min_mb)) {
        return invalid("Executor '{}' has {} MB of mem, but needs at least {}", id,
                       to_string(parsed->scalar("mem")), mem_min_mb);
    }
    if (parsed->scalar("disk") <= Quantity{}) {
        return invalid("Executor '{}' has no disk, but needs some for its sandbox", id);
    }
    return {};
}

Result<void> validate_default(const ExecutorInfo& executor) {
    const std::string& id = executor.executor_id().value();
    if (executor.has_command()) {
        return invalid("Executor '{}' of type DEFAULT must not have a command", id);
    }
    if (!executor.has_container()) return {};
    if (executor.container().type() != ContainerInfo::MESOS) {
        return invalid("The container of executor '{}' of type DEFAULT must be of type MESOS", id);
    }
    if (executor.container().mesos().has_image()) {
        return invalid("The container of executor '{}' of type DEFAULT must not have an image", id);
    }
    return {};
}

bool probes_a_port(const TaskInfo& task) {
    using mesos::v1::CheckInfo;
    using mesos::v1::HealthCheck;
    const auto health = task.health_check().type();
    return (task.has_health_check() && (health == HealthCheck::HTTP || health == HealthCheck::TCP ||
                                        task.health_check().has_http())) ||
           (task.has_check() &&
            (task.check().type() == CheckInfo::HTTP || task.check().type() == CheckInfo::TCP));
}

}  // namespace

void complete_executor(ExecutorInfo& executor, const FrameworkId& framework) {
    if (executor.framework_id().value().empty()) {
        executor.mutable_framework_id()->set_value(framework.value);
    }
    // Types came later than executors.
    if (!executor.has_type() && executor.has_command()) executor.set_type(ExecutorInfo::CUSTOM);
}

Result<void> validate_executor(const ExecutorInfo& executor, const FrameworkId& framework) {
    const std::string& id = executor.executor_id().value();
    TEPUI_CHECK_OK(validate_id("executor id", id));
    if (executor.framework_id().value() != framework.value) {
        return invalid("Executor '{}' names framework {} instead of {}", id,
                       executor.framework_id().value(), framework);
    }
    if (executor.shutdown_grace_period().nanoseconds() < 0) {
        return invalid("'shutdown_grace_period' of executor '{}' must be non-negative", id);
    }
    TEPUI_CHECK_OK(validate_resources(executor));
    if (executor.has_container()) TEPUI_CHECK_OK(validate_container(executor.container()));
    switch (executor.type()) {
        case ExecutorInfo::DEFAULT: return validate_default(executor);
        case ExecutorInfo::CUSTOM:
            if (!executor.has_command()) {
                return invalid("Executor '{}' of type CUSTOM must have a command", id);
            }
            return validate_command(executor.command(), executor.has_container());
        case ExecutorInfo::UNKNOWN: break;
    }
    return invalid("Executor '{}' has neither type DEFAULT nor type CUSTOM", id);
}

bool same_executor(const ExecutorInfo& a, const ExecutorInfo& b) {
    const auto bare = [](ExecutorInfo info) {
        info.clear_resources();
        redact_secrets(info);  // What is kept of one has none.
        return info.SerializeAsString();
    };
    if (bare(a) != bare(b)) return false;
    const auto mine = Resources::parse(a.resources());
    const auto other = Resources::parse(b.resources());
    return mine && other && *mine == *other;
}

Result<void> validate_group_member(const TaskInfo& task, const ExecutorInfo& executor) {
    if (task.has_executor()) {
        ExecutorInfo named = task.executor();
        complete_executor(named, FrameworkId{executor.framework_id().value()});
        if (!named.has_type()) named.set_type(executor.type());
        if (!same_executor(named, executor)) {
            return invalid("The executor of the task is not the group's ('{}')",
                           executor.executor_id().value());
        }
    }
    if (executor.type() == ExecutorInfo::DEFAULT && !task.has_command()) {
        return invalid("The task has no command");
    }
    if (task.container().type() == ContainerInfo::DOCKER && task.has_container()) {
        return invalid("A task of a group cannot have a DOCKER container");
    }
    if (!task.container().network_infos().empty() && probes_a_port(task)) {
        return invalid(
            "HTTP and TCP checks do not reach the private network that 'network_infos' gives the "
            "task");
    }
    if (!task.limits().empty() && shares_cgroups(task.container())) {
        return invalid(
            "A task with limits needs cgroups of its own: set "
            "'container.linux_info.share_cgroups' to false");
    }
    return {};
}

bool shares_cgroups(const ContainerInfo& container) {
    return container.linux_info().share_cgroups();  // True by default.
}

}  // namespace tepui::master
