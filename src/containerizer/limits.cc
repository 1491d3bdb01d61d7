#include "containerizer/limits.h"

#include <unistd.h>

#include <algorithm>
#include <limits>

namespace tepui::containerizer {
namespace {

cgroups::Limits common(std::optional<double> cpus, std::optional<double> cpus_limit,
                       bool cpus_revocable, const Options& options) {
    cgroups::Limits limits;
    limits.cpus = cpus;
    limits.cpus_limit = cpus_limit;
    if (!cpus_limit && options.cgroups_enable_cfs) limits.cpus_limit = cpus;
    limits.cpus_low_priority = cpus_revocable && options.cgroup.revocable_cpu_low_priority;
    limits.limit_swap = options.cgroup.limit_swap;
    return limits;
}

}  // namespace

cgroups::Limits make_limits(const LaunchSpec& spec, const Options& options) {
    if (spec.parent && spec.share_cgroups) {
        // It has one for its OCI runtime alone: its parent's limits are all that it has.
        cgroups::Limits none;
        none.pids_max = options.pids_max;
        return none;
    }
    cgroups::Limits limits = common(spec.cpus, spec.cpus_limit, spec.cpus_revocable, options);
    limits.mem_mb = spec.mem_mb;
    limits.mem_request_mb = spec.mem_request_mb;
    limits.pids_max = options.pids_max;
    return limits;
}

cgroups::Limits make_limits(const ContainerResources& resources, const Options& options) {
    cgroups::Limits limits =
        common(resources.cpus, resources.cpus_limit, resources.cpus_revocable, options);
    if (!limits.cpus_limit) limits.cpus_limit = std::numeric_limits<double>::infinity();
    limits.mem_mb = resources.mem_mb;
    limits.mem_request_mb = resources.mem_request_mb;
    return limits;
}

Result<void> check_gpus(const LaunchSpec& spec, const Options& options) {
    const bool asked = std::ranges::any_of(spec.resources, [](const mesos::v1::Resource& resource) {
        return resource.name() == "gpus" && resource.scalar().value() > 0;
    });
    if (!asked || std::ranges::find(options.isolation, "gpu/nvidia") != options.isolation.end())
        return {};
    return fail(Errc::unsupported, "GPUs need the isolator gpu/nvidia in --isolation");
}

std::optional<int> oom_score_adj(const LaunchSpec& spec) {
    static const std::uint64_t machine_bytes =
        static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
        static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
    return cgroups::oom_score_adj(spec.mem_request_mb, spec.mem_mb, spec.mem_revocable,
                                  machine_bytes);
}

}  // namespace tepui::containerizer
