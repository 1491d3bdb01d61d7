#include "agent/routes/state_views.h"

#include <sys/sysinfo.h>

#include "agent/core/context.h"
#include "agent/core/nested.h"
#include "agent/core/operations.h"
#include "agent/core/task_message.h"
#include "agent/routes/executor_views.h"

namespace tepui::agent {
namespace {

namespace v1 = mesos::v1;
using v1::agent::Response;

void add_completed(const State& state, const ExecutorView& executor, Response::GetTasks& tasks) {
    for (const CompletedTask* task : executor.completed)
        *tasks.add_completed_tasks() = completed_message(state, executor, *task);
}

/// What a pod's task may use, as far as its usage does not tell it.
void add_limits(const v1::TaskInfo& task, Response::GetContainers::Container& container) {
    const Resources resources = read_resources(task.resources());
    v1::ResourceStatistics& statistics = *container.mutable_resource_statistics();
    statistics.set_cpus_soft_limit(resources.scalar("cpus").to_double());
    const double mem_bytes = resources.scalar("mem").to_double() * 1024 * 1024;
    statistics.set_mem_limit_bytes(static_cast<std::uint64_t>(mem_bytes));
    statistics.set_mem_soft_limit_bytes(static_cast<std::uint64_t>(mem_bytes));
}

void add_container(Response::GetContainers& containers, const ContainerId& id,
                   const ContainerId* parent, std::int64_t pid, const v1::ContainerStatus& told) {
    auto& container = *containers.add_containers();
    container.mutable_container_id()->set_value(id.value);
    v1::ContainerStatus& status = *container.mutable_container_status();
    status = told;
    status.mutable_container_id()->set_value(id.value);
    if (parent != nullptr)
        status.mutable_container_id()->mutable_parent()->set_value(parent->value);
    if (pid > 0) status.set_executor_pid(static_cast<std::uint32_t>(pid));
}

/// total, used and percent of one resource, nonrevocable and revocable.
void add_resource(std::map<std::string, double>& values, const std::string& name,
                  const Resources& total, const Resources& used) {
    const auto add = [&](const std::string& prefix, const Resources& all, const Resources& taken) {
        const double sum = all.scalar(name).to_double();
        const double part = taken.scalar(name).to_double();
        values[prefix + "_total"] = sum;
        values[prefix + "_used"] = part;
        values[prefix + "_percent"] = sum > 0 ? part / sum : 0;
    };
    add("slave/" + name, total.nonrevocable(), used.nonrevocable());
    add("slave/" + name + "_revocable", total.revocable(), used.revocable());
}

void add_machine(std::map<std::string, double>& values) {
    struct sysinfo machine{};
    if (sysinfo(&machine) != 0) return;
    const auto load = [&](int i) {
        return static_cast<double>(machine.loads[i]) / (1 << SI_LOAD_SHIFT);
    };
    values["system/load_1min"] = load(0);
    values["system/load_5min"] = load(1);
    values["system/load_15min"] = load(2);
    values["system/cpus_total"] = get_nprocs();
    values["system/mem_total_bytes"] = static_cast<double>(machine.totalram) * machine.mem_unit;
    values["system/mem_free_bytes"] = static_cast<double>(machine.freeram) * machine.mem_unit;
}

void add_tasks(std::map<std::string, double>& values, const State& state) {
    std::map<v1::TaskState, double> count;
    double registering = 0;
    double running = 0;
    double terminating = 0;
    for (const auto& [id, framework] : state.frameworks) {
        for (const auto& [task_id, task] : framework.tasks) {
            ++count[task.state];
            if (task.phase == Phase::persisting || task.phase == Phase::launching) ++registering;
            if (task.phase == Phase::running) ++(task.ending ? terminating : running);
        }
    }
    values["slave/tasks_staging"] = count[v1::TASK_STAGING];
    values["slave/tasks_starting"] = count[v1::TASK_STARTING];
    values["slave/tasks_running"] = count[v1::TASK_RUNNING];
    values["slave/tasks_killing"] = count[v1::TASK_KILLING];
    values["slave/executors_registering"] = registering;
    values["slave/executors_running"] = running;
    values["slave/executors_terminating"] = terminating;
}

}  // namespace

Resources read_resources(const ResourceList& list) {
    return Resources::parse(list).value_or(Resources{});
}

Resources used_resources(const State& state) {
    Resources used;
    for (const auto& [id, framework] : state.frameworks) {
        visit_executors(framework, [&](const ExecutorView& executor) {
            used += resources_of(executor).unallocated();
        });
    }
    return used;
}

Response::GetOperations get_operations(const State& state) {
    Response::GetOperations operations;
    for (const auto& [uuid, run] : state.operations) {
        if (!run.silent) *operations.add_operations() = run.operation;
    }
    return operations;
}

Response::GetTasks get_tasks(const State& state) {
    Response::GetTasks tasks;
    for (const auto& [id, framework] : state.frameworks) {
        for (const auto& [task_id, task] : framework.tasks) {
            v1::Task message = task_message(state, task);
            switch (task.phase) {
                case Phase::persisting:
                case Phase::launching: *tasks.add_queued_tasks() = std::move(message); break;
                case Phase::running: *tasks.add_launched_tasks() = std::move(message); break;
                case Phase::ended: *tasks.add_terminated_tasks() = std::move(message); break;
            }
        }
        const auto add = [&](const ExecutorView& each) { add_completed(state, each, tasks); };
        visit_executors(framework, add);
        visit_completed_executors(framework, add);
    }
    for (const Framework& framework : state.completed_frameworks) {
        visit_completed_executors(
            framework, [&](const ExecutorView& each) { add_completed(state, each, tasks); });
    }
    return tasks;
}

Response::GetExecutors get_executors(const State& state) {
    Response::GetExecutors executors;
    const auto add_completed = [&](const ExecutorView& executor) {
        *executors.add_completed_executors()->mutable_executor_info() = executor.info;
    };
    for (const auto& [id, framework] : state.frameworks) {
        visit_executors(framework, [&](const ExecutorView& executor) {
            *executors.add_executors()->mutable_executor_info() = executor.info;
        });
        visit_completed_executors(framework, add_completed);
    }
    for (const Framework& framework : state.completed_frameworks)
        visit_completed_executors(framework, add_completed);
    return executors;
}

Response::GetFrameworks get_frameworks(const State& state) {
    Response::GetFrameworks frameworks;
    for (const auto& [id, framework] : state.frameworks) {
        *frameworks.add_frameworks()->mutable_framework_info() = framework.info;
    }
    for (const Framework& framework : state.completed_frameworks) {
        *frameworks.add_completed_frameworks()->mutable_framework_info() = framework.info;
    }
    return frameworks;
}

Response::GetAgent get_agent(const State& state) {
    Response::GetAgent agent;
    *agent.mutable_agent_info() = state.config.info;
    if (state.id) agent.mutable_agent_info()->mutable_id()->set_value(state.id->value);
    return agent;
}

Response::GetContainers get_containers(const State& state, bool nested, bool standalone) {
    Response::GetContainers containers;
    const auto add = [&](const ExecutorView& executor) {
        if (!executor.is_running) return;
        add_container(containers, executor.container, nullptr, executor.pid, *executor.status);
        auto& container = *containers.mutable_containers(containers.containers_size() - 1);
        container.mutable_framework_id()->set_value(executor.framework.value);
        *container.mutable_executor_id() = executor.info.executor_id();
        container.set_executor_name(executor.info.name());
        if (!nested || !executor.is_pod) return;
        for (const TaskRun* task : executor.tasks) {
            if (task->phase != Phase::running) continue;
            add_container(containers, task->container, &executor.container, task->pid,
                          task->container_status);
            add_limits(task->info, *containers.mutable_containers()->rbegin());
        }
    };
    for (const auto& [id, framework] : state.frameworks) visit_executors(framework, add);
    for (const auto& [id, run] : state.nested) {
        const bool wanted = run.kind == NestedKind::standalone ? standalone : nested;
        if (!wanted || run.phase != NestedPhase::running) continue;
        auto& container = *containers.add_containers();
        container.mutable_container_id()->set_value(run.id.value());
        *container.mutable_container_status() = run.container_status;
        *container.mutable_container_status()->mutable_container_id() = run.id;
        if (run.pid > 0) {
            container.mutable_container_status()->set_executor_pid(
                static_cast<std::uint32_t>(run.pid));
        }
    }
    return containers;
}

ContainerId machine_name(const State& state, const Response::GetContainers::Container& container) {
    const auto place = find_place(state, container.container_status().container_id());
    return place ? place->container : ContainerId{container.container_id().value()};
}

std::map<std::string, std::string> container_sources(const State& state) {
    std::map<std::string, std::string> sources;
    for (const auto& [id, framework] : state.frameworks) {
        visit_executors(framework, [&](const ExecutorView& executor) {
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"  // What monitoring tools group by.
            sources[executor.container.value] = executor.info.source();
#pragma clang diagnostic pop
        });
    }
    return sources;
}

std::string containerizer_debug_json(const State& state) {
    std::string out;
    wire::JsonWriter json(out);
    const auto add = [&](const ContainerId& container) {
        json.begin_object().key("operation").value("launch");
        json.key("args").begin_object().key("container_id").value(container.value);
        json.end_object().end_object();
    };
    json.begin_object().key("pending").begin_array();
    for (const auto& [id, framework] : state.frameworks) {
        for (const auto& [executor_id, executor] : framework.executors) {
            if (executor.phase == ExecutorPhase::launching) add(executor.container);
        }
        for (const auto& [task_id, task] : framework.tasks) {
            const bool own =
                !task.executor || framework.executors.at(*task.executor).kind == ExecutorKind::pod;
            if (own && task.phase == Phase::launching) add(task.container);
        }
    }
    json.end_array().end_object();
    return out;
}

std::map<std::string, double> metrics(const State& state, const Identity& identity, WallTime now) {
    std::map<std::string, double> values;
    const Counters& counters = state.counters;
    const auto count = [](std::uint64_t value) { return static_cast<double>(value); };
    values["slave/uptime_secs"] = now.seconds() - identity.started.seconds();
    values["slave/registered"] = state.registration.phase == RegistrationPhase::registered ? 1 : 0;
    values["slave/recovery_errors"] = count(counters.recovery_errors);
    values["slave/frameworks_active"] = count(state.frameworks.size());
    values["slave/tasks_finished"] = count(counters.tasks_finished);
    values["slave/tasks_failed"] = count(counters.tasks_failed);
    values["slave/tasks_killed"] = count(counters.tasks_killed);
    values["slave/tasks_lost"] = count(counters.tasks_lost);
    values["slave/tasks_gone"] = 0;
    values["slave/executors_preempted"] = 0;
    values["slave/valid_status_updates"] = count(counters.status_updates_valid);
    values["slave/invalid_status_updates"] = count(counters.status_updates_invalid);
    values["slave/container_launch_errors"] = count(counters.container_launch_errors);
    values["slave/executor_directory_max_allowed_age_secs"] =
        seconds(state.sandbox_age_max.value_or(state.config.gc_delay));
    values["gc/path_removals_succeeded"] = count(counters.sandboxes_removed);
    values["gc/path_removals_pending"] = count(static_cast<std::uint64_t>(
        std::count_if(state.sandboxes.begin(), state.sandboxes.end(),
                      [](const auto& each) { return each.second.ended.has_value(); })));
    add_tasks(values, state);
    const Resources total = total_resources(state);
    const Resources used = used_resources(state);
    for (const char* name : {"cpus", "gpus", "mem", "disk"}) {
        add_resource(values, name, total, used);
    }
    add_machine(values);
    return values;
}

}  // namespace tepui::agent
