#include "agent/core/container_limits.h"

#include <cmath>

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;

/// The sum of one resource over several owners.
struct Sum {
    std::optional<double> request;
    std::optional<double> limit;
    bool unlimited = false;

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
        if (!value) return;
        if (std::isinf(*value)) unlimited = true;
        limit = limit.value_or(0) + *value;
    }
    std::optional<double> final_limit() const { return unlimited ? std::nullopt : limit; }
};

void add(Sum& sum, const v1::TaskInfo& task, const std::string& name) {
    const auto request = sum.of(task.resources(), name);
    const auto it = task.limits().find(name);
    sum.add_limit(it == task.limits().end() ? request : std::optional{it->second.value()});
}

}  // namespace

ContainerLimits limits_of(State& state, const ExecutorRun& executor) {
    Sum cpus;
    Sum mem;
    cpus.add_limit(cpus.of(executor.info.resources(), "cpus"));
    mem.add_limit(mem.of(executor.info.resources(), "mem"));
    for (const TaskRun* task : live_tasks_of(state, executor)) {
        add(cpus, task->info, "cpus");
        add(mem, task->info, "mem");
    }
    return {cpus.request, cpus.final_limit(), mem.final_limit()};
}

}  // namespace tepui::agent
