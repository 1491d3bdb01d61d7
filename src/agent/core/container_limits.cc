#include "agent/core/container_limits.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

/// The sum of one resource over several owners.
struct Sum {
    std::optional<double> request;
    std::optional<double> limit;
    bool has_limits = false;  // Some task gives one.

    template <typename Resources>
    std::optional<double> of(const Resources& resources, std::string_view name) {
        std::optional<double> sum;
        for (const v1::Resource& resource : resources) {
            if (resource.name() == name) sum = sum.value_or(0) + resource.scalar().value();
        }
        if (sum) request = request.value_or(0) + *sum;
        return sum;
    }
    void add_limit(std::optional<double> value) {
        if (value) limit = limit.value_or(0) + *value;  // Infinity stays it, whatever is added.
    }
};

void add(Sum& sum, const v1::TaskInfo& task, const std::string& name) {
    const auto request = sum.of(task.resources(), name);
    const auto it = task.limits().find(name);
    sum.has_limits = sum.has_limits || it != task.limits().end();
    sum.add_limit(it == task.limits().end() ? request : std::optional{it->second.value()});
}

template <typename Resources>
void add_ports(const Resources& resources,
               std::vector<std::pair<std::uint32_t, std::uint32_t>>& ports) {
    for (const v1::Resource& resource : resources) {
        if (resource.name() != "ports") continue;
        for (const auto& range : resource.ranges().range())
            ports.emplace_back(static_cast<std::uint32_t>(range.begin()),
                               static_cast<std::uint32_t>(range.end()));
    }
}

template <typename Resources>
void add_revocable(const Resources& resources, std::size_t& revocable, std::size_t& firm) {
    for (const v1::Resource& resource : resources)
        if (resource.name() == "cpus") ++(resource.has_revocable() ? revocable : firm);
}

}  // namespace

ContainerLimits limits_of(State& state, const ExecutorRun& executor) {
    Sum cpus;
    Sum mem;
    std::size_t revocable = 0;
    std::size_t firm = 0;
    cpus.add_limit(cpus.of(executor.info.resources(), "cpus"));
    mem.add_limit(mem.of(executor.info.resources(), "mem"));
    add_revocable(executor.info.resources(), revocable, firm);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ports;
    add_ports(executor.info.resources(), ports);
    for (const TaskRun* task : live_tasks_of(state, executor)) {
        add(cpus, task->info, "cpus");
        add(mem, task->info, "mem");
        add_revocable(task->info.resources(), revocable, firm);
        add_ports(task->info.resources(), ports);
    }
    return {.cpus = cpus.request,
            .cpus_limit = cpus.has_limits ? cpus.limit : std::nullopt,
            .mem_mb = mem.limit,
            .mem_request_mb = mem.request,
            .ports = std::move(ports),
            .cpus_revocable = revocable > 0 && firm == 0};
}

}  // namespace tepui::agent
