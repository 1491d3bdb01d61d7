#include <cmath>

#include <fmt/format.h>

#include "agent/launch_spec.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

std::optional<double> requested(const v1::agent::Call::LaunchContainer& launch,
                                std::string_view name) {
    std::optional<double> sum;
    for (const v1::Resource& resource : launch.resources()) {
        if (resource.name() == name) sum = sum.value_or(0) + resource.scalar().value();
    }
    return sum;
}

/// What `limits` says, else what was requested; infinity is no limit.
std::optional<double> limit(const v1::agent::Call::LaunchContainer& launch,
                            const std::string& name) {
    const auto found = launch.limits().find(name);
    const std::optional<double> value =
        found == launch.limits().end() ? requested(launch, name) : found->second.value();
    return value && std::isinf(*value) ? std::nullopt : value;
}

}  // namespace

Result<containerizer::LaunchSpec> make_launch_spec(
    const LaunchNested& launch, const AgentAddress& address,
    const std::map<std::string, std::string>& variables) {
    containerizer::LaunchSpec spec;
    spec.container = launch.container;
    spec.sandbox = launch.sandbox;
    spec.user = launch.user;
    spec.outlives_agent = launch.checkpoint;
    spec.command = launch.launch->command();
    spec.environment = {
        {"LIBPROCESS_IP", address.ip},
        {"LIBPROCESS_PORT", "0"},
        {"MESOS_AGENT_ENDPOINT", fmt::format("{}:{}", address.ip, address.port)},
        {"MESOS_CONTAINER_IP", address.ip},
        {"MESOS_DIRECTORY", launch.sandbox},
        {"MESOS_SANDBOX", launch.sandbox},
    };
    spec.environment.insert(variables.begin(), variables.end());
    spec.cpus = requested(*launch.launch, "cpus");
    spec.cpus_limit = limit(*launch.launch, "cpus");
    spec.mem_mb = limit(*launch.launch, "mem");
    spec.mem_request_mb = requested(*launch.launch, "mem");
    spec.resources = launch.launch->resources();
    if (launch.launch->has_container()) {
        spec.info = launch.launch->container();
        if (spec.info->has_rlimit_info()) spec.rlimits = spec.info->rlimit_info();
    }
    spec.parent = launch.parent;
    spec.share_cgroups = launch.parent && launch.launch->container().linux_info().share_cgroups();
    return spec;
}

}  // namespace tepui::agent
