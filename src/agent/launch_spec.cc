#include "agent/launch_spec.h"

#include <algorithm>
#include <cmath>

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

/// Works for tasks and executors: both may have a container, and have resources.
template <typename Info>
Result<void> check_isolation(const Info& info) {
    const auto unsupported = [](std::string_view what) {
        return fail(Errc::unsupported, "{} not supported by this agent yet", what);
    };
    for (const v1::Resource& resource : info.resources()) {
        if (resource.disk().has_volume() && !resource.disk().has_persistence()) {
            return unsupported("Volumes of disks that are not persistent are");
        }
    }
    return {};
}

/// What has a secret by value is looked at long after that was forgotten; it inherits the task's.
Result<void> check_probe_secrets(const v1::CommandInfo& command) {
    for (const auto& variable : command.environment().variables()) {
        if (!variable.secret().has_value()) continue;
        return fail(Errc::invalid_argument,
                    "Variable '{}' of a check holds a secret by value: give it to the task, whose "
                    "environment checks inherit, or refer to it",
                    variable.name());
    }
    return {};
}

Result<void> check_supported(const v1::TaskInfo& task) {
    TEPUI_CHECK_OK(check_probe_secrets(task.health_check().command()));
    TEPUI_CHECK_OK(check_probe_secrets(task.check().command().command()));
    return check_isolation(task);
}

std::optional<double> requested(const v1::TaskInfo& task, std::string_view name) {
    std::optional<double> sum;
    for (const v1::Resource& resource : task.resources()) {
        if (resource.name() == name) sum = sum.value_or(0) + resource.scalar().value();
    }
    return sum;
}

/// TaskInfo.limits; nothing when it has no entry. Infinity means no limit at all.
std::optional<double> limit(const v1::TaskInfo& task, const std::string& name) {
    const auto it = task.limits().find(name);
    if (it == task.limits().end()) return std::nullopt;
    return it->second.value();
}

bool is_revocable(const google::protobuf::RepeatedPtrField<v1::Resource>& resources,
                  std::string_view name) {
    return std::ranges::any_of(resources, [&](const v1::Resource& resource) {
        return resource.name() == name && resource.has_revocable();
    });
}

void take_limits(const ContainerLimits& limits, containerizer::LaunchSpec& spec) {
    spec.cpus = limits.cpus;
    spec.cpus_limit = limits.cpus_limit;
    spec.mem_mb = limits.mem_mb;
    spec.mem_request_mb = limits.mem_request_mb;
    spec.cpus_revocable = limits.cpus_revocable;
    if (limits.ports.empty()) return;
    v1::Resource& ports = *spec.resources.Add();
    ports.set_name("ports");
    ports.set_type(v1::Value::RANGES);
    for (const auto& [first, last] : limits.ports) {
        v1::Value::Range& range = *ports.mutable_ranges()->add_range();
        range.set_begin(first);
        range.set_end(last);
    }
}

std::string allocation_role(const v1::TaskInfo& task) {
    for (const v1::Resource& resource : task.resources()) {
        if (resource.allocation_info().has_role()) return resource.allocation_info().role();
    }
    return "*";
}

std::map<std::string, std::string> environment(const LaunchContainer& launch,
                                               const AgentAddress& address) {
    const std::string endpoint = fmt::format("{}:{}", address.ip, address.port);
    return {
        {"LIBPROCESS_IP", address.ip},
        {"LIBPROCESS_PORT", "0"},
        {"MESOS_AGENT_ENDPOINT", endpoint},
        {"MESOS_ALLOCATION_ROLE", allocation_role(launch.task)},
        {"MESOS_CHECKPOINT", launch.framework.checkpoint() ? "1" : "0"},
        {"MESOS_CONTAINER_IP", address.ip},
        {"MESOS_DIRECTORY", launch.sandbox},
        {"MESOS_EXECUTOR_ID",
         launch.pod ? launch.pod->executor.value : launch.task.task_id().value()},
        {"MESOS_FRAMEWORK_ID", launch.framework.id().value()},
        {"MESOS_SANDBOX", launch.sandbox},
        {"MESOS_SLAVE_ID", launch.agent.value},
        {"MESOS_SLAVE_PID", "slave(1)@" + endpoint},
        {"MESOS_TASK_ID", launch.task.task_id().value()},
    };
}

/// Source: reference golden/executor-environment.json, which has no more and no less.
std::map<std::string, std::string> environment(const LaunchExecutor& launch,
                                               const AgentAddress& address) {
    const std::string endpoint = fmt::format("{}:{}", address.ip, address.port);
    const bool checkpoint = launch.framework.checkpoint();
    std::map<std::string, std::string> variables{
        {"LIBPROCESS_IP", address.ip},
        {"LIBPROCESS_PORT", "0"},
        {"MESOS_AGENT_ENDPOINT", endpoint},
        {"MESOS_CHECKPOINT", checkpoint ? "1" : "0"},
        {"MESOS_DIRECTORY", launch.sandbox},
        {"MESOS_EXECUTOR_ID", launch.executor.executor_id().value()},
        {"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", format_duration(launch.shutdown_grace)},
        {"MESOS_FRAMEWORK_ID", launch.framework.id().value()},
        {"MESOS_HTTP_COMMAND_EXECUTOR", "0"},
        {"MESOS_SANDBOX", launch.sandbox},
        {"MESOS_SLAVE_ID", launch.agent.value},
        {"MESOS_SLAVE_PID", "slave(1)@" + endpoint},
    };
    if (checkpoint) {
        variables["MESOS_RECOVERY_TIMEOUT"] = format_duration(launch.recovery_timeout);
        variables["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = format_duration(launch.subscription_delay);
    }
    return variables;
}

}  // namespace

Result<containerizer::LaunchSpec> make_launch_spec(
    const LaunchExecutor& launch, const AgentAddress& address,
    const std::map<std::string, std::string>& variables) {
    TEPUI_CHECK_OK(check_isolation(launch.executor));
    containerizer::LaunchSpec spec;
    spec.container = launch.container;
    spec.sandbox = launch.sandbox;
    spec.user = launch.user;
    spec.outlives_agent = launch.framework.checkpoint();
    spec.command = launch.executor.command();
    spec.environment = environment(launch, address);
    spec.environment.insert(variables.begin(), variables.end());
    take_limits(launch.limits, spec);
    spec.resources = launch.executor.resources();
    if (launch.executor.has_container()) spec.info = launch.executor.container();
    if (launch.executor.container().has_rlimit_info()) {
        spec.rlimits = launch.executor.container().rlimit_info();
    }
    return spec;
}

Result<containerizer::LaunchSpec> make_launch_spec(
    const LaunchContainer& launch, const AgentAddress& address,
    const std::map<std::string, std::string>& variables) {
    TEPUI_CHECK_OK(check_supported(launch.task));
    containerizer::LaunchSpec spec;
    spec.container = launch.container;
    spec.sandbox = launch.sandbox;
    spec.user = launch.user;
    spec.outlives_agent = launch.framework.checkpoint();
    spec.command = launch.task.command();
    spec.environment = environment(launch, address);
    spec.environment.insert(variables.begin(), variables.end());
    spec.cpus = requested(launch.task, "cpus");
    spec.cpus_limit = limit(launch.task, "cpus");
    spec.mem_request_mb = requested(launch.task, "mem");
    spec.mem_mb =
        limit(launch.task, "mem").has_value() ? limit(launch.task, "mem") : spec.mem_request_mb;
    spec.cpus_revocable = is_revocable(launch.task.resources(), "cpus");
    spec.mem_revocable = is_revocable(launch.task.resources(), "mem");
    spec.resources = launch.task.resources();
    if (launch.task.has_container()) spec.info = launch.task.container();
    if (launch.task.container().has_rlimit_info()) {
        spec.rlimits = launch.task.container().rlimit_info();
    }
    if (launch.pod) {
        spec.parent = launch.pod->container;
        spec.share_cgroups = launch.task.container().linux_info().share_cgroups();
        spec.shown_as = "tasks/" + launch.task.task_id().value();
    }
    return spec;
}

containerizer::LaunchSpec make_launch_spec(const LaunchPod& launch) {
    containerizer::LaunchSpec spec;
    spec.container = launch.container;
    spec.sandbox = launch.sandbox;
    spec.user = launch.user;
    spec.outlives_agent = launch.checkpoint;
    spec.hold = true;
    take_limits(launch.limits, spec);
    if (launch.container_info.network_infos().empty()) return spec;
    // What else an executor's container has, each of its tasks has to ask for.
    spec.info.emplace().set_type(v1::ContainerInfo::MESOS);
    *spec.info->mutable_network_infos() = launch.container_info.network_infos();
    if (launch.container_info.has_hostname())
        spec.info->set_hostname(launch.container_info.hostname());
    return spec;
}

}  // namespace tepui::agent
