#include "agent/launch_spec.h"

#include <cmath>

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

/// Nothing is asked for but (not) to share a pod's cgroups.
bool is_plain(v1::LinuxInfo info) {
    info.clear_share_cgroups();
    return info.ByteSizeLong() == 0;
}

/// Works for tasks and executors: both may have a container, and have resources.
template <typename Info>
Result<void> check_isolation(const Info& info) {
    const auto unsupported = [](std::string_view what) {
        return fail(Errc::unsupported, "{} not supported by this agent yet", what);
    };
    const v1::ContainerInfo& container = info.container();
    if (info.has_container()) {
        if (container.type() == v1::ContainerInfo::DOCKER) {
            return unsupported("Docker containers are");
        }
        if (container.mesos().has_image()) return unsupported("Container images are");
        if (container.volumes_size() > 0) return unsupported("Volumes are");
        for (const v1::NetworkInfo& network : container.network_infos()) {
            // One without a name is the host's network.
            if (network.has_name()) return unsupported("Container networks are");
        }
        if (container.has_tty_info()) return unsupported("Terminals are");
        if (!is_plain(container.linux_info())) return unsupported("Fields of 'linux_info' are");
    }
    for (const v1::Resource& resource : info.resources()) {
        if (resource.disk().has_persistence() || resource.disk().has_volume()) {
            return unsupported("Persistent volumes are");
        }
        if (resource.name() == "gpus") return unsupported("GPUs are");
    }
    return {};
}

Result<void> check_supported(const v1::TaskInfo& task) { return check_isolation(task); }

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
    spec.cpus = launch.limits.cpus;
    spec.cpus_limit = launch.limits.cpus_limit;
    spec.mem_mb = launch.limits.mem_mb;
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
    spec.cpus_limit =
        limit(launch.task, "cpus").has_value() ? limit(launch.task, "cpus") : spec.cpus;
    if (spec.cpus_limit && std::isinf(*spec.cpus_limit)) spec.cpus_limit.reset();
    spec.mem_mb = limit(launch.task, "mem").has_value() ? limit(launch.task, "mem")
                                                        : requested(launch.task, "mem");
    if (spec.mem_mb && std::isinf(*spec.mem_mb)) spec.mem_mb.reset();
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
    spec.cpus = launch.limits.cpus;
    spec.cpus_limit = launch.limits.cpus_limit;
    spec.mem_mb = launch.limits.mem_mb;
    return spec;
}

}  // namespace tepui::agent
